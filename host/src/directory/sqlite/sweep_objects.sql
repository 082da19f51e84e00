-- Objects of a complete listing that it didn't have.
INSERT INTO staged_object (run, object, how)
SELECT $1, o.key, 2
FROM object AS o
WHERE o.connector = $2 AND o.kind = $3 AND o.state = 1
AND o.key NOT IN (
    SELECT seen.value
    FROM seen_object AS s
    CROSS JOIN json_each(s.objects) AS seen
    WHERE s.run = $1
)
ON CONFLICT DO NOTHING
