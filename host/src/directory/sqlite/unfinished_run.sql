SELECT key, connector, mode, reason, plugin, fingerprint, state, started, planned,
    drop_unreferenced_users, needs_snapshot
FROM run
WHERE connector = $1 AND state = 'processing'
