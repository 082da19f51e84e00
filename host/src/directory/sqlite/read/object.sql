SELECT o.key, o.kind, o.state, p.name, p.document, l.since, l.changed, l.group_kind
FROM object AS o
LEFT JOIN profile AS p ON p.object = o.key
LEFT JOIN label AS l ON l.object = o.key
WHERE o.connector = $1 AND o.id = $2
