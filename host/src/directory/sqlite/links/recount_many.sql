-- Users of all groups, from one pass over the memberships: for when most of them are new, and looking at each user's
-- would cost more. Nobody is in fewer groups than before.
UPDATE label
SET links = counted.links
FROM (
    WITH RECURSIVE held (grp) AS (
        SELECT min(grp) FROM membership
        UNION ALL
        SELECT (SELECT min(e.grp) FROM membership AS e WHERE e.grp > held.grp)
        FROM held
        WHERE held.grp IS NOT NULL
    )
    SELECT e.member AS user, count(*) AS links
    FROM member_of AS e
    -- There are hardly any groups that are not in sight.
    WHERE e.grp NOT IN (
        SELECT held.grp
        FROM held
        CROSS JOIN object AS g ON g.key = held.grp
        WHERE g.kind <> 1 OR g.state <> 1
    )
    GROUP BY e.member
) AS counted
CROSS JOIN object AS o ON o.key = counted.user
WHERE label.object = counted.user
AND label.kind = 0
AND o.state = 1
AND label.links <> counted.links
