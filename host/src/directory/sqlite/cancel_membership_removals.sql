-- Only groups that have anything staged are looked at member by member.
DELETE FROM staged_membership
WHERE run = $1 AND (grp, member) IN (
    SELECT s.grp, given.value
    FROM seen_member AS s
    CROSS JOIN json_each(s.members) AS given
    WHERE s.key BETWEEN $2 AND $3
    AND EXISTS (SELECT 1 FROM staged_membership AS t WHERE t.run = $1 AND t.grp = s.grp)
)
