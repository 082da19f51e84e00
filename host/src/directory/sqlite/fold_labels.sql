-- Profiles after a key, with what their labels need.
SELECT o.key, o.connector, o.kind, p.name, p.group_kind
FROM profile AS p
CROSS JOIN object AS o ON o.key = p.object
WHERE p.object > $1
ORDER BY p.object
LIMIT 2000
