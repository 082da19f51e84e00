-- Pairs of a group and how many members it has more.
UPDATE label
SET links = links + more.count
FROM (SELECT value ->> 0 AS grp, value ->> 1 AS count FROM json_each($1)) AS more
WHERE label.object = more.grp AND label.kind = 1
