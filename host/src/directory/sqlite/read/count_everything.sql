SELECT coalesce(sum(users), 0), coalesce(sum(groups), 0)
FROM connector
WHERE key IN (SELECT value FROM json_each($1))
