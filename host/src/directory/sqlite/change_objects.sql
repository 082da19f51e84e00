UPDATE object
SET kind = $1, state = $2
WHERE key IN (SELECT value FROM json_each($3))
