-- What a run brought into sight that left no cursor is not held yet: its memberships may not have been read.
SELECT o.id
FROM json_each($2) AS given
CROSS JOIN object AS o ON o.connector = $1 AND o.id = given.value
CROSS JOIN label AS l ON l.object = o.key
CROSS JOIN connector AS c ON c.key = o.connector
WHERE o.kind IN (0, 1) AND o.state = 1
AND (
    c.cursor_run IS NULL
    OR l.since <= c.cursor_run
    OR l.since = (SELECT r.key FROM run AS r WHERE r.connector = $1 AND r.state = 'processing')
)
