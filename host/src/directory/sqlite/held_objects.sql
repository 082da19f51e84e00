SELECT o.id
FROM json_each($2) AS given
CROSS JOIN object AS o ON o.connector = $1 AND o.id = given.value
WHERE o.kind IN (0, 1) AND o.state = 1
