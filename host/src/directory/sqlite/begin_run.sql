INSERT INTO run (connector, mode, reason, plugin, fingerprint, state, started)
VALUES ($1, $2, $3, $4, $5, 'processing', $6)
