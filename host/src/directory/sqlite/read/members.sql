-- The members of groups, each with the place of the first group that has it. Those without a name come
-- last, as `$4` does.
SELECT m.id, coalesce(p.name, ''), m.kind, page.place, page.folded, page.member
FROM (
    SELECT e.member, min(given.key) AS place, coalesce(l.folded, $4) AS folded
    FROM json_each($1) AS given
    CROSS JOIN membership AS e ON e.grp = given.value
    CROSS JOIN object AS m ON m.key = e.member
    LEFT JOIN label AS l ON l.object = e.member
    WHERE m.state <> 2 AND e.member <> $2
    AND ($3 = '' OR instr(l.folded, $3))
    AND (coalesce(l.folded, $4) > $5 OR coalesce(l.folded, $4) = $5 AND e.member > $6)
    GROUP BY e.member
    ORDER BY 3, 1
    LIMIT $7
) AS page
CROSS JOIN object AS m ON m.key = page.member
LEFT JOIN profile AS p ON p.object = page.member
ORDER BY page.folded, page.member
