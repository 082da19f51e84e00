UPDATE label
SET links = (
    SELECT count(*)
    FROM membership AS e
    CROSS JOIN object AS m ON m.key = e.member
    WHERE e.grp = label.object AND m.state <> 2
)
WHERE kind = 1;

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
WHERE kind = 0
