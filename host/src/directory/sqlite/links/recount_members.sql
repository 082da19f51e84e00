-- The same of the users in these groups.
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
    SELECT e.member
    FROM json_each($1) AS given
    CROSS JOIN membership AS e ON e.grp = given.value
)
