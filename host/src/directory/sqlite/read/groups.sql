-- Of these groups those with a text in their name, by name and after a place in that order.
SELECT g.id, p.name, l.folded, g.key
FROM json_each($1) AS given
CROSS JOIN object AS g ON g.key = given.value
CROSS JOIN label AS l ON l.object = g.key
CROSS JOIN profile AS p ON p.object = g.key
WHERE instr(l.folded, $2)
AND (l.folded > $3 OR l.folded = $3 AND g.key > $4)
ORDER BY l.folded, g.key
LIMIT $5
