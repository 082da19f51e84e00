SELECT key, kind, state
FROM object
WHERE connector = $1 AND id = $2
