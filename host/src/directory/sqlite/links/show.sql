-- Members who were hidden come back: once more in each of their groups.
UPDATE label
SET links = links + back.count
FROM (
    SELECT e.grp AS grp, count(*) AS count
    FROM json_each($1) AS given
    CROSS JOIN member_of AS e ON e.member = given.value
    GROUP BY e.grp
) AS back
WHERE label.object = back.grp AND label.kind = 1
