-- Memberships of these groups, those of hidden members not counted.
SELECT count(*)
FROM json_each($1) AS given
CROSS JOIN membership AS e ON e.grp = given.value
CROSS JOIN object AS m ON m.key = e.member
WHERE m.state <> 2
