-- Memberships go with their group and with their member.
INSERT INTO staged_membership (run, grp, member, why)
SELECT $1, e.grp, e.member, 2
FROM staged_object AS t
CROSS JOIN membership AS e ON e.grp = t.object
WHERE t.run = $1 AND t.how <> 0
ON CONFLICT DO NOTHING;

INSERT INTO staged_membership (run, grp, member, why)
SELECT $1, e.grp, e.member, 2
FROM staged_object AS t
CROSS JOIN member_of AS e ON e.member = t.object
WHERE t.run = $1 AND t.how <> 0
ON CONFLICT DO NOTHING;
