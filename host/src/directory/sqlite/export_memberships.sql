SELECT g.id, m.id, m.kind
FROM object AS g
CROSS JOIN membership AS e ON e.grp = g.key
CROSS JOIN object AS m ON m.key = e.member
WHERE g.connector = $1 AND g.kind = 1 AND g.state = 1 AND m.state <> 2
ORDER BY g.key, e.member
