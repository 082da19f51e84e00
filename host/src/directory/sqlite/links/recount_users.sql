-- Users who may be in more or fewer groups than before. Of a hidden one none count.
UPDATE label
SET links = (
    SELECT count(*)
    FROM member_of AS e
    CROSS JOIN object AS g ON g.key = e.grp
    CROSS JOIN object AS m ON m.key = e.member
    WHERE e.member = label.object AND g.kind = 1 AND g.state = 1 AND m.state = 1
)
WHERE kind = 0 AND object IN (SELECT value FROM json_each($1))
