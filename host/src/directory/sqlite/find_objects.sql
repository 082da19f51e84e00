SELECT given.key, o.key, o.kind, o.state, o.departure IS 2
FROM json_each($2) AS given
CROSS JOIN object AS o ON o.connector = $1 AND o.id = given.value
