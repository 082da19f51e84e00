WITH RECURSIVE outer_group (member, key) AS (
    SELECT e.member, e.grp
    FROM json_each($1) AS given
    CROSS JOIN member_of AS e ON e.member = given.value
    CROSS JOIN object AS g ON g.key = e.grp
    WHERE g.kind = 1 AND g.state = 1
    UNION
    SELECT o.member, e.grp
    FROM outer_group AS o
    CROSS JOIN member_of AS e ON e.member = o.key
    CROSS JOIN object AS g ON g.key = e.grp
    WHERE g.kind = 1 AND g.state = 1
)
SELECT o.member, p.document
FROM outer_group AS o
CROSS JOIN object AS g ON g.key = o.key
CROSS JOIN profile AS p ON p.object = g.key
ORDER BY o.member, g.id
