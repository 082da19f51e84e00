DELETE FROM unavailable_group WHERE run = $1;

-- What was added and updated really was, whatever the run has become.
UPDATE run
SET mode = $2, reason = $3, planned = 0, needs_snapshot = 0, assessed = 0,
    users_seen = 0, groups_seen = 0, memberships_seen = 0
WHERE key = $1;
