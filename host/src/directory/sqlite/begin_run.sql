-- Keys are never given twice, although a forgotten connector's runs are deleted.
INSERT INTO run (key, connector, mode, reason, plugin, fingerprint, state, started)
SELECT 1 + max(
        (SELECT coalesce(max(key), 0) FROM run),
        (SELECT coalesce(max(last_run), 0) FROM connector)
    ),
    $1, $2, $3, $4, $5, 'processing', $6
