SELECT o.key, p.document
FROM object AS o
JOIN profile AS p ON p.object = o.key
WHERE o.connector = $1 AND o.kind = 0 AND o.state = 1 AND o.key > $2
ORDER BY o.key
LIMIT 200
