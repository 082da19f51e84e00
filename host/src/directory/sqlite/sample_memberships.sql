SELECT g.id, m.id, m.kind
FROM staged_membership AS t
CROSS JOIN object AS g ON g.key = t.grp
CROSS JOIN object AS m ON m.key = t.member
WHERE t.run = $1 AND t.why <> 3 AND g.kind = 1 AND g.state = 1 AND m.state <> 2
ORDER BY t.grp, t.member
LIMIT $2
