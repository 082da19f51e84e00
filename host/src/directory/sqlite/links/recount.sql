UPDATE label
SET links = (
    SELECT count(*)
    FROM membership AS e
    CROSS JOIN object AS m ON m.key = e.member
    WHERE e.grp = label.object AND m.state <> 2
)
WHERE kind = 1 AND object IN (SELECT value FROM json_each($1))
