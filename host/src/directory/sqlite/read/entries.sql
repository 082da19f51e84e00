-- What a search shows of objects, in the order in which they are given.
SELECT o.connector, o.id, p.name, o.state = 2, l.links, l.since, l.changed, l.group_kind
FROM json_each($1) AS given
CROSS JOIN object AS o ON o.key = given.value
CROSS JOIN profile AS p ON p.object = o.key
CROSS JOIN label AS l ON l.object = o.key
ORDER BY given.key
