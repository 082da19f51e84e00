DELETE FROM label_order
WHERE (connector, kind, folded, object) IN (
    SELECT l.connector, l.kind, l.folded, l.object
    FROM json_each($1) AS given
    CROSS JOIN label AS l ON l.object = given.value
)
