SELECT r.users_removed, c.users, r.groups_removed, c.groups, r.memberships_removed, c.memberships
FROM run AS r
JOIN connector AS c ON c.key = r.connector
WHERE r.key = $1
