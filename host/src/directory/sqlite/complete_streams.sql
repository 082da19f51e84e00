-- Proven by the plugin in a snapshot, by all its partitions having ended else.
UPDATE run
SET partitions = p.parts,
    users_complete = CASE run.mode
        WHEN 'snapshot' THEN p.users ELSE p.ended END,
    groups_complete = CASE run.mode
        WHEN 'snapshot' THEN p.groups ELSE p.ended END,
    memberships_complete = p.ended AND NOT p.unavailable
        AND (run.mode <> 'snapshot' OR p.groups)
FROM (
    SELECT
        (SELECT count(*) FROM partition WHERE run = $1) AS parts,
        NOT EXISTS (SELECT 1 FROM partition WHERE run = $1 AND NOT ended)
            AND (SELECT planned FROM run WHERE key = $1) AS ended,
        EXISTS (SELECT 1 FROM proven_stream WHERE run = $1 AND stream = 0) AS users,
        EXISTS (SELECT 1 FROM proven_stream WHERE run = $1 AND stream = 1) AS groups,
        EXISTS (SELECT 1 FROM unavailable_group WHERE run = $1) AS unavailable
) AS p
WHERE run.key = $1
