-- Of what was visible before the run, how much would go; kept with the run.
UPDATE run
SET assessed = 1,
    users_removed = (
        SELECT count(*)
        FROM staged_object AS t
        CROSS JOIN object AS o ON o.key = t.object
        WHERE t.run = $1 AND o.kind = 0 AND o.state = 1 AND t.how <> 4
    ),
    groups_removed = (
        SELECT count(*)
        FROM staged_object AS t
        CROSS JOIN object AS o ON o.key = t.object
        WHERE t.run = $1 AND o.kind = 1 AND o.state = 1
    ),
    memberships_removed = (
        SELECT count(*)
        FROM staged_membership AS t
        CROSS JOIN object AS g ON g.key = t.grp
        CROSS JOIN object AS m ON m.key = t.member
        WHERE t.run = $1 AND t.why <> 3 AND g.kind = 1 AND g.state = 1 AND m.state <> 2
    )
WHERE key = $1
