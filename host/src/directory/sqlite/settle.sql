-- Memberships that came in the meantime, in `member_of`'s own order.
INSERT OR FAIL INTO member_of (member, grp)
SELECT given.value, s.grp
FROM unsettled AS u
CROSS JOIN seen_member AS s ON s.key BETWEEN u.first AND u.last
CROSS JOIN json_each(s.members) AS given
WHERE u.run = $1
ORDER BY given.value, s.grp
ON CONFLICT DO NOTHING
