DELETE FROM label WHERE object IN (SELECT value FROM json_each($1));

DELETE FROM profile WHERE object IN (SELECT value FROM json_each($1));

DELETE FROM object WHERE key IN (SELECT value FROM json_each($1));
