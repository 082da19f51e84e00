-- Who joined and left in one run, of few groups and members that are given: looked up from these.
WITH given AS MATERIALIZED (SELECT value AS object FROM json_each($7))
SELECT $1 AS run, grp, member, what FROM (
    SELECT e.grp AS grp, e.member AS member, 0 AS what
    FROM given CROSS JOIN membership AS e ON e.grp = given.object
    WHERE e.since = $1
    UNION
    SELECT e.grp, e.member, 0
    FROM given
    CROSS JOIN member_of AS m ON m.member = given.object
    CROSS JOIN membership AS e ON e.grp = m.grp AND e.member = m.member
    WHERE e.since = $1
    UNION
    SELECT e.grp, e.member, turn.what
    FROM given
    CROSS JOIN past_membership AS e ON e.grp = given.object
    CROSS JOIN (SELECT 0 AS what UNION ALL SELECT 1) AS turn
    WHERE $1 = CASE turn.what WHEN 0 THEN e.since ELSE e.until END
    UNION
    SELECT e.grp, e.member, turn.what
    FROM given
    CROSS JOIN past_membership AS e INDEXED BY past_membership_by_member ON e.member = given.object
    CROSS JOIN (SELECT 0 AS what UNION ALL SELECT 1) AS turn
    WHERE $1 = CASE turn.what WHEN 0 THEN e.since ELSE e.until END
)
WHERE ($6 IS NULL OR $6 = what) AND (grp, member, what) > ($2, $3, $4)
ORDER BY grp, member, what
LIMIT $5
