UPDATE object
SET kind = new.kind, state = new.state
FROM (
    SELECT value ->> 0 AS key, value ->> 1 AS kind, value ->> 2 AS state
    FROM json_each($1)
) AS new
WHERE object.key = new.key
