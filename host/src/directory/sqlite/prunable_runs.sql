-- Runs with something to prune, but for the newest of each connector.
SELECT key
FROM (
    SELECT r.key, r.ended, r.pruned, r.state,
        row_number() OVER (PARTITION BY r.connector ORDER BY r.key DESC) AS place
    FROM run AS r
)
WHERE place > $2 AND ended < $1 AND NOT pruned AND state <> 'held'
ORDER BY key
LIMIT 20
