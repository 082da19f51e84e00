DELETE FROM staged_object
WHERE run = $1 AND object IN (SELECT value FROM json_each($2))
