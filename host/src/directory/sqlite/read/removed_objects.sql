-- Users or groups that a held run would remove, by name and after a place in that order.
SELECT o.key, l.folded, o.id, p.name, o.kind, t.how
FROM run AS r
CROSS JOIN staged_object AS t ON t.run = r.key
CROSS JOIN object AS o ON o.key = t.object
CROSS JOIN label AS l ON l.object = o.key
CROSS JOIN profile AS p ON p.object = o.key
WHERE r.key = $1 AND r.state = 'held'
AND o.kind = $2 AND o.state = 1 AND t.how <> 4
AND instr(l.folded, $3)
AND (l.folded > $4 OR l.folded = $4 AND o.key > $5)
ORDER BY l.folded, o.key
LIMIT $6
