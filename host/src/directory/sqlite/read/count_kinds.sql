-- Groups of these kinds, up to a limit.
SELECT count(*)
FROM (
    SELECT 1
    FROM label AS l INDEXED BY label_by_group_kind
    WHERE l.connector = $1 AND l.kind = 1 AND l.group_kind IN (SELECT value FROM json_each($2))
    LIMIT $3
)
