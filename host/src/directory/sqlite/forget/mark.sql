-- From here on the connector is not to be found, its name is free, and none of its runs goes on.
UPDATE run
SET state = 'cancelled', ended = coalesce(ended, $2)
WHERE connector = $1 AND state IN ('processing', 'held');

UPDATE connector
SET forgotten = 1, name = char(0) || key,
    users = 0, groups = 0, memberships = 0,
    fingerprint = NULL, taken = NULL, groups_path = NULL,
    last_run = (SELECT max(key) FROM run WHERE connector = $1)
WHERE key = $1 AND NOT forgotten;

DELETE FROM cursor_part WHERE connector = $1;
