INSERT INTO label_order (connector, kind, folded, object)
SELECT l.connector, l.kind, l.folded, l.object
FROM json_each($1) AS given
CROSS JOIN label AS l ON l.object = given.value
WHERE given.value <= (SELECT ordered_to FROM labelling)
