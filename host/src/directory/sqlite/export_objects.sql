SELECT o.id, p.name, p.document, p.group_kind
FROM object AS o
JOIN profile AS p ON p.object = o.key
WHERE o.connector = $1 AND o.kind = $2 AND o.state = 1
ORDER BY o.key
