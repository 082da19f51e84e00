SELECT key, id
FROM object
WHERE connector = $1 AND kind = 1 AND state = 1 AND key > $2
ORDER BY key
LIMIT 500
