-- The same of the users whose memberships have just come into `member_of`, before these are forgotten.
UPDATE label
SET links = (SELECT n.links FROM linked AS n WHERE n.object = label.object)
WHERE kind = 0 AND object IN (
    SELECT given.value
    FROM unsettled AS u
    CROSS JOIN seen_member AS s ON s.key BETWEEN u.first AND u.last
    CROSS JOIN json_each(s.members) AS given
    WHERE u.run = $1
)
