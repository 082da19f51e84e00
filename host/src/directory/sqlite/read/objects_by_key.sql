SELECT o.key, o.id, coalesce(p.name, f.name, ''), o.kind
FROM json_each($1) AS given
CROSS JOIN object AS o ON o.key = given.value
LEFT JOIN profile AS p ON p.object = o.key
LEFT JOIN former_name AS f ON f.object = o.key
