SELECT u.position, u.id, p.name, u.reason
FROM unavailable_group AS u
CROSS JOIN run AS r ON r.key = u.run
LEFT JOIN object AS o ON o.connector = r.connector AND o.id = u.id
LEFT JOIN profile AS p ON p.object = o.key
WHERE u.run = $1 AND u.position > $2
ORDER BY u.position
LIMIT $3
