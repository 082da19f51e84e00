INSERT INTO staged_object (run, object, how)
SELECT $1, value ->> 0, value ->> 1
FROM json_each($2)
WHERE true
ON CONFLICT (run, object) DO UPDATE SET how = excluded.how
