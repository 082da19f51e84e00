DELETE FROM staged_membership
WHERE (run, grp, member) IN (
    SELECT t.run, t.grp, t.member FROM run AS r CROSS JOIN staged_membership AS t ON t.run = r.key
    WHERE r.connector = $1 LIMIT $2
)
