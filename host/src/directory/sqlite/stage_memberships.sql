INSERT INTO staged_membership (run, grp, member, why)
SELECT $1, e.grp, e.member, 0
FROM (SELECT value ->> 0 AS grp, value ->> 1 AS member FROM json_each($2)) AS given
CROSS JOIN membership AS e ON e.grp = given.grp AND e.member = given.member
WHERE true
ON CONFLICT (run, grp, member) DO UPDATE SET why = 0
