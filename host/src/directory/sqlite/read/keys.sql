SELECT o.key
FROM json_each($2) AS given
CROSS JOIN object AS o ON o.connector = $1 AND o.id = given.value
