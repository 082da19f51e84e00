-- Groups first, so that no membership outlives its group.
SELECT key
FROM object
WHERE connector = $1
ORDER BY kind DESC, state DESC, key DESC
LIMIT 2000
