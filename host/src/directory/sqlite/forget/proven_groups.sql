DELETE FROM proven_group
WHERE (run, grp) IN (
    SELECT p.run, p.grp FROM run AS r CROSS JOIN proven_group AS p ON p.run = r.key
    WHERE r.connector = $1 LIMIT $2
)
