-- As in `drop_users.sql`, but only those about whom the run has said something: of the others an
-- earlier run has judged, and looking at all would make each run as dear as the tenant is large.
INSERT INTO staged_object (run, object, how)
SELECT $1, o.key, CASE WHEN l.since = $1 THEN 4 ELSE 3 END
FROM (
    SELECT seen.value AS key
    FROM seen_object AS s
    CROSS JOIN json_each(s.objects) AS seen
    WHERE s.run = $1
    UNION
    SELECT t.member FROM staged_membership AS t WHERE t.run = $1
) AS touched
CROSS JOIN object AS o ON o.key = touched.key
LEFT JOIN label AS l ON l.object = o.key
WHERE o.kind = 0 AND o.state IN (1, 2)
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
