INSERT INTO staged_membership (run, grp, member, why)
SELECT $1, e.grp, e.member, 1
FROM membership AS e
WHERE e.grp = $2
AND e.member NOT IN (
    SELECT seen.value
    FROM seen_member AS s
    CROSS JOIN json_each(s.members) AS seen
    WHERE s.run = $1 AND s.grp = $2
)
-- A hidden user, or one about to be, keeps its memberships.
AND NOT EXISTS (SELECT 1 FROM object AS o WHERE o.key = e.member AND o.state = 2)
AND NOT EXISTS (
    SELECT 1 FROM staged_object AS t WHERE t.run = $1 AND t.object = e.member AND t.how = 0
)
ON CONFLICT DO NOTHING
