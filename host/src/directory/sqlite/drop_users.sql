-- Users whom no membership reaches that stays. Hidden ones may keep some, and then stay. Those whom this run
-- brought were only waiting to be judged (4).
INSERT INTO staged_object (run, object, how)
SELECT $1, o.key, CASE WHEN l.since = $1 THEN 4 ELSE 3 END
FROM object AS o
LEFT JOIN label AS l ON l.object = o.key
WHERE o.connector = $2 AND o.kind = 0 AND o.state IN (1, 2)
AND NOT EXISTS (
    SELECT 1
    FROM member_of AS e
    WHERE e.member = o.key
    AND NOT EXISTS (
        SELECT 1
        FROM staged_membership AS t
        WHERE t.run = $1 AND t.grp = e.grp AND t.member = e.member
    )
)
ON CONFLICT DO NOTHING
