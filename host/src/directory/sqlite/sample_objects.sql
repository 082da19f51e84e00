SELECT o.id, coalesce(p.name, '')
FROM staged_object AS t
CROSS JOIN object AS o ON o.key = t.object
LEFT JOIN profile AS p ON p.object = o.key
WHERE t.run = $1 AND o.kind = $2 AND o.state = 1 AND t.how <> 4
ORDER BY t.object
LIMIT $3
