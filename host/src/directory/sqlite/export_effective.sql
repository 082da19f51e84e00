-- UNION keeps each group once, so a cycle ends. A nested group's members count only where that
-- group is present.
WITH RECURSIVE inner_group (key) AS (
    SELECT $1
    UNION
    SELECT m.key
    FROM inner_group AS i
    CROSS JOIN membership AS e ON e.grp = i.key
    CROSS JOIN object AS m ON m.key = e.member
    WHERE m.kind = 1 AND m.state = 1
)
SELECT m.id, m.kind
FROM (
    SELECT DISTINCT e.member AS key
    FROM inner_group AS i
    CROSS JOIN membership AS e ON e.grp = i.key
    WHERE e.member <> $1
) AS reached
CROSS JOIN object AS m ON m.key = reached.key
WHERE m.state <> 2
ORDER BY m.key
