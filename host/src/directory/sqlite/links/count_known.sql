-- Of each group how many of the given members are there already, without hidden ones.
SELECT s.grp, count(*)
FROM seen_member AS s
CROSS JOIN json_each(s.members) AS given
CROSS JOIN membership AS e ON e.grp = s.grp AND e.member = given.value
CROSS JOIN object AS m ON m.key = e.member
WHERE s.key BETWEEN $1 AND $2 AND m.state <> 2
GROUP BY s.grp
