INSERT OR FAIL INTO membership (grp, member, since)
SELECT s.grp, given.value, $1
FROM seen_member AS s
CROSS JOIN json_each(s.members) AS given
WHERE s.key BETWEEN $2 AND $3
ON CONFLICT DO NOTHING
