DELETE FROM unsettled
WHERE first IN (
    SELECT u.first FROM unsettled AS u CROSS JOIN run AS r ON r.key = u.run
    WHERE r.connector = $1 LIMIT $2
)
