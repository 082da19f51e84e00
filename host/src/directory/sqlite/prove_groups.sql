INSERT INTO proven_group (run, grp)
SELECT $1, value FROM json_each($2)
WHERE true
ON CONFLICT DO NOTHING;

DELETE FROM unavailable_group
WHERE run = $1 AND id IN (SELECT value FROM json_each($3));
