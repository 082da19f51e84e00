-- How many direct members these groups have together.
SELECT coalesce(sum(l.links), 0)
FROM json_each($1) AS given
CROSS JOIN label AS l ON l.object = given.value
