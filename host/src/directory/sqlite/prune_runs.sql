UPDATE run SET report = NULL, pruned = 1 WHERE key IN (SELECT value FROM json_each($1));

DELETE FROM unavailable_group WHERE run IN (SELECT value FROM json_each($1));
