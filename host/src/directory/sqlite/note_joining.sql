-- Groups of a page, to which members may have been added.
INSERT INTO joining (run, grp)
SELECT $1, s.grp FROM seen_member AS s WHERE s.key BETWEEN $2 AND $3
ON CONFLICT DO NOTHING
