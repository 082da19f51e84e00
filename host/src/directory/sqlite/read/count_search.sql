-- As in `search.sql`, without a place.
SELECT count(*)
FROM (
    SELECT 1
    FROM label AS l
    CROSS JOIN object AS o ON o.key = l.object
    WHERE l.connector = $1 AND l.kind = $2
    AND l.folded >= $3 AND l.folded < $4
    AND instr(l.folded, $5)
    AND ($6 IS NULL OR l.changed >= (
        SELECT min(r.key) FROM run AS r WHERE r.connector = $1 AND coalesce(r.decided, r.ended, $6) >= $6
    ))
    AND (o.state = 1 OR o.state = 2 AND $7)
    LIMIT $8
)
