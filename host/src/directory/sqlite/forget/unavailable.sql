DELETE FROM unavailable_group
WHERE position IN (
    SELECT u.position FROM run AS r CROSS JOIN unavailable_group AS u ON u.run = r.key
    WHERE r.connector = $1 LIMIT $2
)
