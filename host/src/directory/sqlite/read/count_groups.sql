SELECT count(*)
FROM json_each($1) AS given
CROSS JOIN label AS l ON l.object = given.value
WHERE instr(l.folded, $2)
