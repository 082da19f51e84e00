DELETE FROM past_membership
WHERE (grp, member, since) IN (
    SELECT e.grp, e.member, e.since
    FROM json_each($1) AS given CROSS JOIN past_membership AS e ON e.grp = given.value
    LIMIT $2
)
