-- What a search shows of objects, in the order in which they are given.
SELECT o.connector, o.id, p.name, o.state = 2,
    CASE o.kind
        WHEN 1 THEN l.links
        ELSE (
            SELECT count(*)
            FROM member_of AS e
            CROSS JOIN object AS g ON g.key = e.grp
            WHERE e.member = o.key AND g.kind = 1 AND g.state = 1 AND o.state <> 2
        )
    END,
    l.since, l.changed
FROM json_each($1) AS given
CROSS JOIN object AS o ON o.key = given.value
CROSS JOIN profile AS p ON p.object = o.key
CROSS JOIN label AS l ON l.object = o.key
ORDER BY given.key
