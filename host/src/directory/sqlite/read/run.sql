-- One run.
SELECT r.key, r.connector, r.mode, r.reason, r.plugin, r.state, r.started, r.ended, r.partitions,
    CASE r.state
        WHEN 'processing' THEN (SELECT count(*) FROM unavailable_group AS u WHERE u.run = r.key)
        ELSE r.unavailable
    END,
    r.pruned, r.verdict, r.decided_by, r.decided_why, r.decided,
    r.users_seen, r.users_added, r.users_updated, r.users_removed, r.users_complete,
    r.groups_seen, r.groups_added, r.groups_updated, r.groups_removed, r.groups_complete,
    r.memberships_seen, r.memberships_added, 0, r.memberships_removed, r.memberships_complete
FROM run AS r
WHERE r.key = $1
