DELETE FROM skipped
WHERE
    at < ?1
    AND position NOT IN (
        SELECT position FROM (
            SELECT position, row_number() OVER (PARTITION BY connector ORDER BY position DESC) AS place
            FROM skipped
        )
        WHERE place <= ?2
    );
