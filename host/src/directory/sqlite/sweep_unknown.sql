-- Memberships of users or groups ($3) that are neither held nor about to be hidden, though their listing is complete.
-- What this run added itself is taken back.
INSERT INTO staged_membership (run, grp, member, why)
SELECT $1, e.grp, e.member, iif(own.since = $1, 3, 1)
FROM object AS o
CROSS JOIN member_of AS e ON e.member = o.key
CROSS JOIN membership AS own ON own.grp = e.grp AND own.member = e.member
WHERE o.connector = $2 AND o.kind = $3 AND o.state = 0
AND NOT EXISTS (
    SELECT 1 FROM staged_object AS t WHERE t.run = $1 AND t.object = o.key AND t.how = 0
)
ON CONFLICT DO NOTHING
