-- Users whom no membership reaches that stays. Hidden ones may keep some, and then stay.
INSERT INTO staged_object (run, object, how)
SELECT $1, o.key, 3
FROM object AS o
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
