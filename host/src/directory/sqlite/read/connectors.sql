SELECT key, name, users, groups, memberships, taken
FROM connector
WHERE NOT forgotten AND ($1 IS NULL OR key = $1)
ORDER BY name
