DELETE FROM staged_object
WHERE (run, object) IN (
    SELECT t.run, t.object FROM run AS r CROSS JOIN staged_object AS t ON t.run = r.key
    WHERE r.connector = $1 LIMIT $2
)
