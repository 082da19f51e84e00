SELECT r.users_removed,
    c.users - (
        SELECT count(*)
        FROM staged_object AS t
        CROSS JOIN object AS o ON o.key = t.object
        WHERE t.run = r.key AND t.how = 4 AND o.state = 1
    ),
    r.groups_removed, c.groups, r.memberships_removed, c.memberships
FROM run AS r
JOIN connector AS c ON c.key = r.connector
WHERE r.key = $1
