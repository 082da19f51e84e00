-- Memberships of these members in groups that are present, except those in `$2`.
SELECT count(*)
FROM json_each($1) AS given
CROSS JOIN member_of AS e ON e.member = given.value
CROSS JOIN object AS g ON g.key = e.grp
WHERE g.kind = 1 AND g.state = 1 AND g.key NOT IN (SELECT value FROM json_each($2))
