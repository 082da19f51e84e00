UPDATE connector
SET users = users + $2, groups = groups + $3, memberships = memberships + $4
WHERE key = $1
