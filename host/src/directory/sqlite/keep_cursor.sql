INSERT INTO run_cursor (run, name, value)
SELECT $1, value ->> 0, value ->> 1
FROM json_each($2)
WHERE true
ON CONFLICT (run, name) DO UPDATE SET value = excluded.value
