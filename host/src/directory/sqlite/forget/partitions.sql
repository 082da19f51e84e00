DELETE FROM partition
WHERE position IN (
    SELECT p.position FROM run AS r CROSS JOIN partition AS p ON p.run = r.key
    WHERE r.connector = $1 LIMIT $2
)
