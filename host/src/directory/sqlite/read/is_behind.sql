SELECT EXISTS (
    SELECT 1 FROM unsettled AS u CROSS JOIN run AS r ON r.key = u.run WHERE r.connector = $1
)
