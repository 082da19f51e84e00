INSERT INTO partition (run, name, stage, title, state)
SELECT $1, value ->> 0, value ->> 1, value ->> 2, value ->> 3
FROM json_each($2)
WHERE true
ON CONFLICT (run, name) DO NOTHING
RETURNING name
