-- How many there are in `members.sql`, up to `$4`.
SELECT count(*)
FROM (
    SELECT DISTINCT e.member
    FROM json_each($1) AS given
    CROSS JOIN membership AS e ON e.grp = given.value
    CROSS JOIN object AS m ON m.key = e.member
    LEFT JOIN label AS l ON l.object = e.member
    WHERE m.state <> 2 AND e.member <> $2
    AND ($3 = '' OR instr(l.folded, $3))
    LIMIT $4
)
