-- The groups directly in these groups, by the place of the outer one and then by key.
SELECT given.value, m.key
FROM json_each($1) AS given
CROSS JOIN membership AS e ON e.grp = given.value
CROSS JOIN object AS m ON m.key = e.member
WHERE m.kind = 1 AND m.state = 1
ORDER BY given.key, e.member
