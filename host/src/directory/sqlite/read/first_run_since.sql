SELECT min(key)
FROM run
WHERE connector = $1 AND coalesce(decided, ended, $2) >= $2
