-- Who joined and left one group. Those that are, those that were, and the ends of these:
-- of each the first, of which the first are the page.
WITH named AS MATERIALIZED (
    SELECT l.object FROM label AS l
    WHERE $12 <> '' AND l.connector = $1 AND instr(l.folded, $12)
)
SELECT run, grp, member, what FROM (
SELECT * FROM (
    SELECT e.since AS run, e.grp AS grp, e.member AS member, 0 AS what
    FROM membership AS e
    WHERE e.grp = $2 AND ($3 IS NULL OR e.member = $3)
    AND e.since IN (SELECT key FROM run WHERE connector = $1)
    AND e.since BETWEEN $4 AND $5
    AND ($11 IS NULL OR $11 = 0)
    AND ($12 = '' OR e.grp IN (SELECT object FROM named) OR e.member IN (SELECT object FROM named))
    AND (e.since < $6 OR e.since = $6 AND (e.grp, e.member, 0) > ($7, $8, $9))
    ORDER BY e.since DESC, e.grp, e.member
    LIMIT $10
)
UNION ALL
SELECT * FROM (
    SELECT e.since AS run, e.grp AS grp, e.member AS member, 0 AS what
    FROM past_membership AS e
    WHERE e.grp = $2 AND ($3 IS NULL OR e.member = $3)
    AND e.since IN (SELECT key FROM run WHERE connector = $1)
    AND e.since BETWEEN $4 AND $5
    AND ($11 IS NULL OR $11 = 0)
    AND ($12 = '' OR e.grp IN (SELECT object FROM named) OR e.member IN (SELECT object FROM named))
    AND (e.since < $6 OR e.since = $6 AND (e.grp, e.member, 0) > ($7, $8, $9))
    ORDER BY e.since DESC, e.grp, e.member
    LIMIT $10
)
UNION ALL
SELECT * FROM (
    SELECT e.until AS run, e.grp AS grp, e.member AS member, 1 AS what
    FROM past_membership AS e
    WHERE e.grp = $2 AND ($3 IS NULL OR e.member = $3)
    AND e.until IN (SELECT key FROM run WHERE connector = $1)
    AND e.until BETWEEN $4 AND $5
    AND ($11 IS NULL OR $11 = 1)
    AND ($12 = '' OR e.grp IN (SELECT object FROM named) OR e.member IN (SELECT object FROM named))
    AND (e.until < $6 OR e.until = $6 AND (e.grp, e.member, 1) > ($7, $8, $9))
    ORDER BY e.until DESC, e.grp, e.member
    LIMIT $10
)
)
ORDER BY run DESC, grp, member, what
LIMIT $10
