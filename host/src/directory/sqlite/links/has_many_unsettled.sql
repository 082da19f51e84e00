SELECT coalesce(sum(s.size), 0) > (SELECT sum(c.memberships) FROM connector AS c) / 4
FROM unsettled AS u
CROSS JOIN seen_member AS s ON s.key BETWEEN u.first AND u.last
WHERE u.run = $1
