-- Kinds of groups, how many groups each user is in, and who joined and left in one run.

-- Of a group: one of the kinds that its plugin declares; '' where it isn't known, and of a user.
ALTER TABLE profile ADD COLUMN group_kind TEXT NOT NULL DEFAULT '';
ALTER TABLE label ADD COLUMN group_kind TEXT NOT NULL DEFAULT '';

CREATE INDEX label_by_group_kind ON label (connector, kind, group_kind, object) WHERE kind = 1;

-- `label.links` of a user: the groups in sight that the user is directly in, 0 of a hidden one. As `member_of`, from
-- which it is counted, it may lag behind.
DROP INDEX label_by_links;

UPDATE label
SET links = (
    SELECT count(*)
    FROM member_of AS e
    CROSS JOIN object AS g ON g.key = e.grp
    WHERE e.member = label.object AND g.kind = 1 AND g.state = 1
)
WHERE kind = 0 AND object IN (SELECT key FROM object WHERE state = 1);

CREATE INDEX label_by_links ON label (connector, kind, links, object);

-- Groups to which a run added members; some of them may have left since. Not an index of `membership`, which would cost
-- a first snapshot a third more.
CREATE TABLE joining (
    run INTEGER NOT NULL,
    grp INTEGER NOT NULL,
    PRIMARY KEY (run, grp)
) STRICT, WITHOUT ROWID;

INSERT INTO joining (run, grp)
SELECT DISTINCT since, grp FROM membership ORDER BY since, grp;

CREATE INDEX past_membership_by_since ON past_membership (since);
