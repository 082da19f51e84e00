-- The groups that these objects are directly in, by the place of the member and then by key.
SELECT given.value, g.key
FROM json_each($1) AS given
CROSS JOIN member_of AS e ON e.member = given.value
CROSS JOIN object AS g ON g.key = e.grp
WHERE g.kind = 1 AND g.state = 1
ORDER BY given.key, e.grp
