DELETE FROM membership
WHERE (grp, member) IN (
    SELECT e.grp, e.member FROM json_each($1) AS given CROSS JOIN membership AS e ON e.grp = given.value
    LIMIT $2
)
