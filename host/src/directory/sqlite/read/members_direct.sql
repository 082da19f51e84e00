-- The direct members of one group, as `members.sql` gives those of several.
SELECT m.id, coalesce(p.name, ''), m.kind, 0, page.folded, page.member
FROM (
    SELECT e.member, coalesce(l.folded, $3) AS folded
    FROM membership AS e
    CROSS JOIN object AS m ON m.key = e.member
    LEFT JOIN label AS l ON l.object = e.member
    WHERE e.grp = $1 AND m.state <> 2 AND e.member <> $1
    AND ($2 = '' OR instr(l.folded, $2))
    AND (coalesce(l.folded, $3) > $4 OR coalesce(l.folded, $3) = $4 AND e.member > $5)
    ORDER BY 2, 1
    LIMIT $6
) AS page
CROSS JOIN object AS m ON m.key = page.member
LEFT JOIN profile AS p ON p.object = page.member
ORDER BY page.folded, page.member
