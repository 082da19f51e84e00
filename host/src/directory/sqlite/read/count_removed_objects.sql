SELECT count(*)
FROM (
    SELECT 1
    FROM run AS r
    CROSS JOIN staged_object AS t ON t.run = r.key
    CROSS JOIN object AS o ON o.key = t.object
    CROSS JOIN label AS l ON l.object = o.key
    WHERE r.key = $1 AND r.state = 'held'
    AND o.kind = $2 AND o.state = 1 AND t.how <> 4
    AND instr(l.folded, $3)
    LIMIT $4
)
