SELECT key, coalesce(ended, started)
FROM run
WHERE key IN (SELECT value FROM json_each($1))
