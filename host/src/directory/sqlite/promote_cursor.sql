DELETE FROM cursor_part WHERE connector = $2;

INSERT INTO cursor_part (connector, name, value)
SELECT $2, name, value FROM run_cursor WHERE run = $1;

UPDATE connector
SET fingerprint = r.fingerprint, taken = r.started, cursor_run = r.key
FROM run AS r
WHERE r.key = $1 AND connector.key = $2;
