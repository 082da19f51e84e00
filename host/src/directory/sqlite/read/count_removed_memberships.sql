SELECT count(*)
FROM (
    SELECT 1
    FROM run AS r
    CROSS JOIN staged_membership AS t ON t.run = r.key
    CROSS JOIN object AS g ON g.key = t.grp
    CROSS JOIN object AS m ON m.key = t.member
    WHERE r.key = $1 AND r.state = 'held'
    AND t.why <> 3 AND g.kind = 1 AND g.state = 1 AND m.state <> 2
    AND ($2 = '' OR t.grp IN (
        SELECT l.object FROM label_order AS l
        WHERE l.connector = (SELECT connector FROM run WHERE key = $1) AND instr(l.folded, $2)
    ) OR t.member IN (
        SELECT l.object FROM label_order AS l
        WHERE l.connector = (SELECT connector FROM run WHERE key = $1) AND instr(l.folded, $2)
    ))
    LIMIT $3
)
