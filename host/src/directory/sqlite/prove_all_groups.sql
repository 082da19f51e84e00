-- All members of all groups were given: each of these is as complete as one that was named.
INSERT INTO proven_group (run, grp)
SELECT $1, g.key
FROM object AS g
WHERE g.connector = $2 AND g.kind = 1 AND g.state IN (0, 1)
AND g.id NOT IN (SELECT id FROM unavailable_group WHERE run = $1)
ON CONFLICT DO NOTHING
