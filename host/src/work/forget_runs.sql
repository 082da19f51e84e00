-- Ended runs that are older than ?1 and not among their connector's last ?2. The newest success, the one that
-- left the cursor and the newest snapshot tell how things stand; a held run waits for someone.
WITH ranked AS (
    SELECT
        id,
        state,
        ended_at,
        row_number() OVER (PARTITION BY connector ORDER BY id DESC) AS place,
        max(CASE WHEN state IN ('processed', 'partial') THEN id END) OVER (PARTITION BY connector) AS success,
        max(CASE WHEN cursor_kept THEN id END) OVER (PARTITION BY connector) AS cursor,
        max(CASE WHEN cursor_kept AND mode = 'snapshot' THEN id END) OVER (PARTITION BY connector) AS snapshot
    FROM run
)
DELETE FROM run
WHERE id IN (
    SELECT id FROM ranked
    WHERE
        state NOT IN ('queued', 'processing', 'held')
        AND ended_at < ?1
        AND place > ?2
        AND id IS NOT success
        AND id IS NOT cursor
        AND id IS NOT snapshot
);
