-- Who joined and left in one run. Those that are, those that were, and the ends of these: of each the first, of
-- which the first are the page.
SELECT run, grp, member, what FROM (
SELECT * FROM (
    SELECT e.since AS run, e.grp AS grp, e.member AS member, 0 AS what
    FROM joining AS t CROSS JOIN membership AS e ON e.grp = t.grp
    WHERE t.run = $1 AND t.grp >= $2 AND e.since = $1 AND ($6 IS NULL OR $6 = 0)
    AND (e.grp, e.member, 0) > ($2, $3, $4)
    AND ($7 = '' OR EXISTS (
        SELECT 1 FROM label AS l WHERE l.object IN (e.grp, e.member) AND instr(l.folded, $7)
    ))
    ORDER BY t.grp, e.member
    LIMIT $5
)
UNION ALL
SELECT * FROM (
    SELECT e.since AS run, e.grp AS grp, e.member AS member, 0 AS what
    FROM past_membership AS e INDEXED BY past_membership_by_since
    WHERE e.since = $1 AND ($6 IS NULL OR $6 = 0)
    AND (e.grp, e.member) >= ($2, $3) AND (e.grp, e.member, 0) > ($2, $3, $4)
    AND ($7 = '' OR EXISTS (
        SELECT 1 FROM label AS l WHERE l.object IN (e.grp, e.member) AND instr(l.folded, $7)
    ))
    ORDER BY e.grp, e.member
    LIMIT $5
)
UNION ALL
SELECT * FROM (
    SELECT e.until AS run, e.grp AS grp, e.member AS member, 1 AS what
    FROM past_membership AS e INDEXED BY past_membership_by_until
    WHERE e.until = $1 AND ($6 IS NULL OR $6 = 1)
    AND (e.grp, e.member) >= ($2, $3) AND (e.grp, e.member, 1) > ($2, $3, $4)
    AND ($7 = '' OR EXISTS (
        SELECT 1 FROM label AS l WHERE l.object IN (e.grp, e.member) AND instr(l.folded, $7)
    ))
    ORDER BY e.grp, e.member
    LIMIT $5
)
)
ORDER BY grp, member, what
LIMIT $5
