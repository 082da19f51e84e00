-- As in `search.sql`, without a place.
SELECT count(*)
FROM (
    SELECT 1
    FROM (
        SELECT object, connector, kind, folded FROM label_order
        WHERE connector = $1 AND kind = $2 AND folded >= $3 AND folded < $4
        UNION ALL
        SELECT object, connector, kind, folded FROM label
        WHERE object > (SELECT ordered_to FROM labelling)
        AND connector = $1 AND kind = $2 AND folded >= $3 AND folded < $4
    ) AS l
    CROSS JOIN object AS o ON o.key = l.object
    WHERE instr(l.folded, $5)
    AND ($6 IS NULL OR (SELECT x.changed FROM label AS x WHERE x.object = l.object) >= (
        SELECT min(r.key) FROM run AS r WHERE r.connector = $1 AND coalesce(r.decided, r.ended, $6) >= $6
    ))
    AND (o.state = 1 OR o.state = 2 AND $7)
    LIMIT $8
)
