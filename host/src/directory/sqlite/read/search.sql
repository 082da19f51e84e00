-- Objects in the order of their names, from one bound to the other and after a place in that order: of those
-- that are ordered and of those that aren't yet the first, of which the first are the page.
SELECT object, folded FROM (
SELECT * FROM (
    SELECT l.object AS object, l.folded AS folded
    FROM label_order AS l
    CROSS JOIN object AS o ON o.key = l.object
    WHERE l.connector = $1 AND l.kind = $2
    AND l.folded >= $3 AND l.folded < $4
    AND (l.folded > $3 OR l.object > $5)
    AND instr(l.folded, $6)
    AND ($7 IS NULL OR (SELECT x.changed FROM label AS x WHERE x.object = l.object) >= (
        SELECT min(r.key) FROM run AS r WHERE r.connector = $1 AND coalesce(r.decided, r.ended, $7) >= $7
    ))
    AND (o.state = 1 OR o.state = 2 AND $8)
    ORDER BY l.folded, l.object
    LIMIT $9
)
UNION ALL
SELECT * FROM (
    SELECT l.object, l.folded
    FROM label AS l
    CROSS JOIN object AS o ON o.key = l.object
    WHERE l.object > (SELECT ordered_to FROM labelling)
    AND l.connector = $1 AND l.kind = $2
    AND l.folded >= $3 AND l.folded < $4
    AND (l.folded > $3 OR l.object > $5)
    AND instr(l.folded, $6)
    AND ($7 IS NULL OR l.changed >= (
        SELECT min(r.key) FROM run AS r WHERE r.connector = $1 AND coalesce(r.decided, r.ended, $7) >= $7
    ))
    AND (o.state = 1 OR o.state = 2 AND $8)
    ORDER BY l.folded, l.object
    LIMIT $9
)
)
ORDER BY folded, object
LIMIT $9
