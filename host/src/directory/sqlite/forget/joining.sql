DELETE FROM joining
WHERE (run, grp) IN (
    SELECT t.run, t.grp FROM run AS r CROSS JOIN joining AS t ON t.run = r.key
    WHERE r.connector = $1 LIMIT $2
)
