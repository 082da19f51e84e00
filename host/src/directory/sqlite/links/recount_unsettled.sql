-- The same of the users whose memberships have just come into `member_of`, before these are forgotten.
UPDATE label
SET links = (
    SELECT count(*)
    FROM member_of AS e
    CROSS JOIN object AS g ON g.key = e.grp
    CROSS JOIN object AS m ON m.key = e.member
    WHERE e.member = label.object AND g.kind = 1 AND g.state = 1 AND m.state = 1
)
WHERE kind = 0 AND object IN (
    SELECT given.value
    FROM unsettled AS u
    CROSS JOIN seen_member AS s ON s.key BETWEEN u.first AND u.last
    CROSS JOIN json_each(s.members) AS given
    WHERE u.run = $1
)
