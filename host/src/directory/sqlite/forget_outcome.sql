-- What a run came to: what it would remove, why, and its cursor.
DELETE FROM staged_object WHERE run = $1;
DELETE FROM staged_membership WHERE run = $1;
DELETE FROM proven_group WHERE run = $1;
DELETE FROM proven_stream WHERE run = $1;
DELETE FROM run_cursor WHERE run = $1;
