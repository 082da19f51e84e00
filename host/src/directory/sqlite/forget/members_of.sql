DELETE FROM member_of
WHERE (member, grp) IN (
    SELECT e.member, e.grp FROM json_each($1) AS given CROSS JOIN member_of AS e ON e.member = given.value
    LIMIT $2
)
