-- What lists are sorted by besides names. Runs stand for times: of one connector they have the same order.

-- Before there were these columns: no run.
UPDATE label SET since = 0 WHERE since IS NULL;
UPDATE label SET changed = 0 WHERE changed IS NULL;

-- Of a group: its direct members, hidden ones not counted. Kept up to date by every transaction, since no list of
-- all groups could count them.
ALTER TABLE label ADD COLUMN links INTEGER NOT NULL DEFAULT 0;

UPDATE label
SET links = (
    SELECT count(*)
    FROM membership AS e
    CROSS JOIN object AS m ON m.key = e.member
    WHERE e.grp = label.object AND m.state <> 2
)
WHERE kind = 1;

CREATE INDEX label_by_since ON label (connector, kind, since, object);
CREATE INDEX label_by_changed ON label (connector, kind, changed, object);
CREATE INDEX label_by_links ON label (connector, kind, links, object) WHERE kind = 1;
