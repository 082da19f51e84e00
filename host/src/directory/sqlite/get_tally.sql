SELECT partitions,
    users_seen, users_added, users_updated, users_removed, users_complete,
    groups_seen, groups_added, groups_updated, groups_removed, groups_complete,
    memberships_seen, memberships_added, 0, memberships_removed, memberships_complete
FROM run
WHERE key = $1
