-- A run has few of these, and a connector few runs.
DELETE FROM run_cursor WHERE run IN (SELECT key FROM run WHERE connector = $1);

DELETE FROM proven_stream WHERE run IN (SELECT key FROM run WHERE connector = $1);

DELETE FROM run WHERE connector = $1;

UPDATE connector SET forgotten = 2 WHERE key = $1;
