SELECT connector, mode, needs_snapshot
FROM run
WHERE key = $1 AND state = 'processing'
