-- What makes names searchable, what an administrator decides over a held run, what becomes of a connector that
-- is forgotten, and what retention has dropped.

-- A row for each profile. Narrow, so that looking through all names stays cheap.
CREATE TABLE label (
    object INTEGER PRIMARY KEY,
    connector INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    -- The name without case and accents.
    folded TEXT NOT NULL,
    -- The run that brought the object into sight, and the last one that changed it. NULL: before there was
    -- this column.
    since INTEGER,
    changed INTEGER
) STRICT;

-- Labels in the order of their names. Kept by hand, because it may lag behind: names come in random order, and
-- one sorted insert at the end of a run costs a third of as many scattered ones.
CREATE TABLE label_order (
    connector INTEGER NOT NULL,
    kind INTEGER NOT NULL,
    folded TEXT NOT NULL,
    object INTEGER NOT NULL,
    PRIMARY KEY (connector, kind, folded, object)
) STRICT, WITHOUT ROWID;

-- One row, once the labels are made.
CREATE TABLE labelling (
    -- Of the function that folds names.
    version INTEGER NOT NULL,
    -- `label_order` has every label of an object up to here, and none of later ones.
    ordered_to INTEGER NOT NULL
) STRICT;

-- In a held run: whether its cursor becomes the connector's if it is allowed.
ALTER TABLE run ADD COLUMN promotes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN verdict TEXT;
ALTER TABLE run ADD COLUMN decided INTEGER;
ALTER TABLE run ADD COLUMN decided_by TEXT;
ALTER TABLE run ADD COLUMN decided_why TEXT;
-- How many rows of `unavailable_group` it had at its end, which outlives them.
ALTER TABLE run ADD COLUMN unavailable INTEGER NOT NULL DEFAULT 0;
ALTER TABLE run ADD COLUMN pruned INTEGER NOT NULL DEFAULT 0;

UPDATE run SET unavailable = (SELECT count(*) FROM unavailable_group AS u WHERE u.run = run.key);

CREATE INDEX run_by_connector ON run (connector);

-- A forgotten connector's row stays without its name, so that its key is never given to another.
ALTER TABLE connector ADD COLUMN forgotten INTEGER NOT NULL DEFAULT 0;
-- The last key of a run that is forgotten, never to be given to another either.
ALTER TABLE connector ADD COLUMN last_run INTEGER;

CREATE INDEX past_membership_by_member ON past_membership (member);
CREATE INDEX past_membership_by_until ON past_membership (until);

-- Only the newest run of a connector may wait for a decision.
UPDATE run SET state = 'superseded'
WHERE state = 'held'
AND EXISTS (SELECT 1 FROM run AS r WHERE r.connector = run.connector AND r.key > run.key);

DELETE FROM staged_object
WHERE run IN (SELECT key FROM run WHERE state = 'superseded');

DELETE FROM staged_membership
WHERE run IN (SELECT key FROM run WHERE state = 'superseded');
