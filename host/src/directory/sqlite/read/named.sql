-- Objects of a connector with a text in their names, up to `$3`.
SELECT l.object
FROM label_order AS l
WHERE l.connector = $1 AND l.kind IN (0, 1) AND instr(l.folded, $2)
UNION ALL
SELECT l.object
FROM label AS l NOT INDEXED
WHERE l.object > (SELECT ordered_to FROM labelling)
AND l.connector = $1 AND instr(l.folded, $2)
LIMIT $3
