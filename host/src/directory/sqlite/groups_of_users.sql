-- The documents of the groups that users are in, by user and then by the group's identifier.
SELECT e.member, p.document
FROM json_each($1) AS given
CROSS JOIN member_of AS e ON e.member = given.value
CROSS JOIN object AS g ON g.key = e.grp
CROSS JOIN profile AS p ON p.object = g.key
WHERE g.kind = 1 AND g.state = 1
ORDER BY e.member, g.id
