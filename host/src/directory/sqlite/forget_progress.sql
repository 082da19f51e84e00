-- What only a run that goes on needs; not what it has staged.
DELETE FROM partition WHERE run = $1;
DELETE FROM run_cursor WHERE run = $1;
DELETE FROM seen_object WHERE run = $1;
DELETE FROM seen_member WHERE run = $1;
DELETE FROM proven_group WHERE run = $1;
DELETE FROM proven_stream WHERE run = $1;
