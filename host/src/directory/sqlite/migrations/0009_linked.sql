-- Codes since `0001_directory.sql`:
--   staged_object.how      4 dropped as unreferenced by the run that brought it: neither added nor removed
--   staged_membership.why  3 taken back by the run that added it, of an object that no complete listing has

-- What `label.links` is to be: of a group its direct members without hidden ones, of a user the groups in sight that
-- it is directly in, none of a hidden one. Users are as far behind as `member_of`.
CREATE VIEW linked AS
SELECT o.key AS object,
    CASE
        WHEN o.kind = 1 THEN (
            SELECT count(*)
            FROM membership AS e
            CROSS JOIN object AS m ON m.key = e.member
            WHERE e.grp = o.key AND m.state <> 2
        )
        WHEN o.state = 1 THEN (
            SELECT count(*)
            FROM member_of AS e
            CROSS JOIN object AS g ON g.key = e.grp
            WHERE e.member = o.key AND g.kind = 1 AND g.state = 1
        )
        ELSE 0
    END AS links
FROM object AS o;
