DELETE FROM seen_member
WHERE key IN (
    SELECT s.key FROM run AS r CROSS JOIN seen_member AS s ON s.run = r.key
    WHERE r.connector = $1 LIMIT $2
)
