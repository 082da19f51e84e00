-- The same of the users whose memberships have just come into `member_of`, before these are forgotten.
UPDATE label
SET links = CASE (SELECT o.state FROM object AS o WHERE o.key = label.object)
    WHEN 1 THEN (
        SELECT count(*)
        FROM member_of AS e
        CROSS JOIN object AS g ON g.key = e.grp
        WHERE e.member = label.object AND g.kind = 1 AND g.state = 1
    )
    ELSE 0
END
WHERE kind = 0 AND object IN (
    SELECT given.value
    FROM unsettled AS u
    CROSS JOIN seen_member AS s ON s.key BETWEEN u.first AND u.last
    CROSS JOIN json_each(s.members) AS given
    WHERE u.run = $1
)
