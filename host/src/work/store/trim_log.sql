-- The oldest lines of a run's log beyond the newest ?2, or beyond ?3 bytes of text.
DELETE FROM run_log
WHERE run = ?1 AND position IN (
    SELECT position FROM (
        SELECT
            position,
            row_number() OVER newest AS place,
            sum(octet_length(text)) OVER newest AS bytes
        FROM run_log
        WHERE run = ?1
        WINDOW newest AS (ORDER BY position DESC)
    )
    WHERE place > ?2 OR bytes > ?3
);
