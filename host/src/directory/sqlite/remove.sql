-- Carries out what is staged. Memberships first: what is then left of those of hidden users is
-- what goes out of sight with them.
INSERT INTO past_membership (grp, member, since, until)
SELECT e.grp, e.member, e.since, $1
FROM staged_membership AS t
CROSS JOIN membership AS e ON e.grp = t.grp AND e.member = t.member
WHERE t.run = $1 AND t.why <> 3;

UPDATE label
SET links = links - gone.count
FROM (
    SELECT t.grp AS grp, count(*) AS count
    FROM staged_membership AS t
    CROSS JOIN object AS m ON m.key = t.member
    WHERE t.run = $1 AND m.state <> 2
    GROUP BY t.grp
) AS gone
WHERE label.object = gone.grp AND label.kind = 1;

DELETE FROM membership
WHERE (grp, member) IN (SELECT t.grp, t.member FROM staged_membership AS t WHERE t.run = $1);

DELETE FROM member_of
WHERE (member, grp) IN (SELECT t.member, t.grp FROM staged_membership AS t WHERE t.run = $1);

-- Who came and went in the same run was not added.
UPDATE run
SET users_added = users_added - passing.count
FROM (
    SELECT count(*) AS count
    FROM staged_object AS t
    CROSS JOIN object AS o ON o.key = t.object
    WHERE t.run = $1 AND t.how = 4 AND o.state = 1
) AS passing
WHERE run.key = $1;

-- What is taken back was never there.
UPDATE run
SET memberships_added = memberships_added
    - (SELECT count(*) FROM staged_membership AS t WHERE t.run = $1 AND t.why = 3)
WHERE key = $1;

UPDATE connector
SET users = users - r.users_removed - (
        SELECT count(*)
        FROM staged_object AS t
        CROSS JOIN object AS o ON o.key = t.object
        WHERE t.run = $1 AND t.how = 4 AND o.state = 1
    ),
    groups = groups - r.groups_removed,
    memberships = memberships - r.memberships_removed - (
        SELECT count(*)
        FROM staged_object AS t
        CROSS JOIN member_of AS e ON e.member = t.object
        CROSS JOIN object AS g ON g.key = e.grp
        WHERE t.run = $1 AND t.how = 0 AND g.kind = 1 AND g.state = 1
    ) - (
        SELECT count(*)
        FROM staged_membership AS t
        CROSS JOIN object AS g ON g.key = t.grp
        WHERE t.run = $1 AND t.why = 3 AND g.kind = 1 AND g.state = 1
    )
FROM run AS r
WHERE r.key = $1 AND connector.key = r.connector;

UPDATE label
SET links = links - gone.count
FROM (
    SELECT e.grp AS grp, count(*) AS count
    FROM staged_object AS t
    CROSS JOIN object AS m ON m.key = t.object
    CROSS JOIN member_of AS e ON e.member = t.object
    WHERE t.run = $1 AND t.how = 0 AND m.state <> 2
    GROUP BY e.grp
) AS gone
WHERE label.object = gone.grp AND label.kind = 1;

UPDATE object
SET kind = 0, state = 2
WHERE key IN (SELECT t.object FROM staged_object AS t WHERE t.run = $1 AND t.how = 0);

UPDATE object
SET state = 3, departure = t.how
FROM staged_object AS t
WHERE t.run = $1 AND t.how <> 0 AND object.key = t.object;

INSERT INTO former_name (object, name)
SELECT t.object, p.name
FROM staged_object AS t
CROSS JOIN profile AS p ON p.object = t.object
WHERE t.run = $1 AND t.how = 3
AND EXISTS (SELECT 1 FROM past_membership AS e WHERE e.member = t.object)
ON CONFLICT (object) DO UPDATE SET name = excluded.name;

DELETE FROM former_name
WHERE object IN (SELECT t.object FROM staged_object AS t WHERE t.run = $1 AND t.how IN (1, 2));

DELETE FROM profile
WHERE object IN (SELECT t.object FROM staged_object AS t WHERE t.run = $1 AND t.how <> 0);

DELETE FROM label_order
WHERE (connector, kind, folded, object) IN (
    SELECT l.connector, l.kind, l.folded, l.object
    FROM staged_object AS t
    CROSS JOIN label AS l ON l.object = t.object
    WHERE t.run = $1 AND t.how <> 0
);

DELETE FROM label
WHERE object IN (SELECT t.object FROM staged_object AS t WHERE t.run = $1 AND t.how <> 0);

UPDATE label
SET changed = $1, links = 0
WHERE object IN (SELECT t.object FROM staged_object AS t WHERE t.run = $1 AND t.how = 0);

UPDATE label
SET links = (SELECT n.links FROM linked AS n WHERE n.object = label.object)
WHERE kind = 0 AND object IN (SELECT t.member FROM staged_membership AS t WHERE t.run = $1);
