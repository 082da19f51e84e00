-- Of the users in these groups: how many groups each is in now.
UPDATE label
SET links = (SELECT n.links FROM linked AS n WHERE n.object = label.object)
WHERE kind = 0 AND object IN (
    SELECT e.member
    FROM json_each($1) AS given
    CROSS JOIN membership AS e ON e.grp = given.value
)
