UPDATE run
SET assessed = 0,
    needs_snapshot = $2,
    users_seen = users_seen + $3,
    users_added = users_added + $4,
    users_updated = users_updated + $5,
    groups_seen = groups_seen + $6,
    groups_added = groups_added + $7,
    groups_updated = groups_updated + $8,
    memberships_seen = memberships_seen + $9,
    memberships_added = memberships_added + $10
WHERE key = $1
