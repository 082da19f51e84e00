INSERT INTO seen_object (run, kind, objects) VALUES ($1, $2, $3);

DELETE FROM staged_object
WHERE run = $1 AND object IN (SELECT value FROM json_each($3));
