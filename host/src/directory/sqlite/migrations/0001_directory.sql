-- The directory as it is, what led to it, and what the runs that go on have come to.
--
-- Codes, the same in every table:
--   kind       0 user, 1 group, 2 device, 3 service principal, 4 contact, 5 other
--   state      0 only mentioned as a group or member, 1 present, 2 hidden, 3 gone
--   departure  1 removed by the source's word, 2 found gone by a sweep, 3 dropped as unreferenced
--   stream     0 users, 1 groups

CREATE TABLE connector (
    key INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    -- How much is visible, kept up to date by every transaction, so that no run need count it.
    users INTEGER NOT NULL DEFAULT 0,
    groups INTEGER NOT NULL DEFAULT 0,
    memberships INTEGER NOT NULL DEFAULT 0,
    -- Of the run that left the cursor.
    fingerprint TEXT,
    taken INTEGER
) STRICT;

CREATE TABLE cursor_part (
    connector INTEGER NOT NULL REFERENCES connector (key),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (connector, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE run (
    key INTEGER PRIMARY KEY,
    connector INTEGER NOT NULL REFERENCES connector (key),
    mode TEXT NOT NULL,
    reason TEXT NOT NULL,
    plugin TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    state TEXT NOT NULL,
    started INTEGER NOT NULL,
    ended INTEGER,
    planned INTEGER NOT NULL DEFAULT 0,
    drop_unreferenced_users INTEGER NOT NULL DEFAULT 0,
    needs_snapshot INTEGER NOT NULL DEFAULT 0,
    -- Whether the staged removals are complete and counted: true from an assessment to the next page.
    assessed INTEGER NOT NULL DEFAULT 0,
    users_seen INTEGER NOT NULL DEFAULT 0,
    users_added INTEGER NOT NULL DEFAULT 0,
    users_updated INTEGER NOT NULL DEFAULT 0,
    users_removed INTEGER NOT NULL DEFAULT 0,
    users_complete INTEGER NOT NULL DEFAULT 0,
    groups_seen INTEGER NOT NULL DEFAULT 0,
    groups_added INTEGER NOT NULL DEFAULT 0,
    groups_updated INTEGER NOT NULL DEFAULT 0,
    groups_removed INTEGER NOT NULL DEFAULT 0,
    groups_complete INTEGER NOT NULL DEFAULT 0,
    memberships_seen INTEGER NOT NULL DEFAULT 0,
    memberships_added INTEGER NOT NULL DEFAULT 0,
    memberships_removed INTEGER NOT NULL DEFAULT 0,
    memberships_complete INTEGER NOT NULL DEFAULT 0,
    partitions INTEGER NOT NULL DEFAULT 0,
    report TEXT
) STRICT;

CREATE UNIQUE INDEX run_unfinished ON run (connector) WHERE state = 'processing';

-- Rows are never deleted: history refers to them.
CREATE TABLE object (
    key INTEGER PRIMARY KEY,
    connector INTEGER NOT NULL,
    id TEXT NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    -- How it left the last time. Outlives its return until a snapshot has succeeded.
    departure INTEGER
) STRICT;

CREATE UNIQUE INDEX object_by_id ON object (connector, id);
CREATE INDEX object_by_state ON object (connector, kind, state);
CREATE INDEX object_departed ON object (connector, state) WHERE departure IS NOT NULL;

-- Apart from `object`, so that lookups of identifiers stay in a small table.
CREATE TABLE profile (
    object INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE membership (
    grp INTEGER NOT NULL,
    member INTEGER NOT NULL,
    -- The run that added it.
    since INTEGER NOT NULL,
    PRIMARY KEY (grp, member)
) STRICT, WITHOUT ROWID;

-- `membership` in the other order. Kept by hand and not as an index, because it may lag behind:
-- members come in random order, and one sorted insert for a whole run costs a sixth of a million
-- scattered ones. What it still lacks is in `unsettled`.
CREATE TABLE member_of (
    member INTEGER NOT NULL,
    grp INTEGER NOT NULL,
    PRIMARY KEY (member, grp)
) STRICT, WITHOUT ROWID;

-- Memberships that ended: added by one run and removed by another.
CREATE TABLE past_membership (
    grp INTEGER NOT NULL,
    member INTEGER NOT NULL,
    since INTEGER NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (grp, member, since)
) STRICT, WITHOUT ROWID;

-- From here on: what a run needs until it ends.

CREATE TABLE partition (
    position INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    name TEXT NOT NULL,
    stage INTEGER NOT NULL,
    title TEXT NOT NULL,
    state TEXT NOT NULL,
    checkpoint TEXT,
    ended INTEGER NOT NULL DEFAULT 0,
    UNIQUE (run, name)
) STRICT;

CREATE TABLE run_cursor (
    run INTEGER NOT NULL REFERENCES run (key),
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

-- What has been seen is kept beside the directory, a JSON array of keys for each page, and not as
-- a mark on each object and membership: a run that finds everything as it was then writes a
-- hundredth of the rows.
CREATE TABLE seen_object (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    objects TEXT NOT NULL
) STRICT;

CREATE INDEX seen_object_by_run ON seen_object (run);

CREATE TABLE seen_member (
    key INTEGER PRIMARY KEY,
    run INTEGER NOT NULL,
    grp INTEGER NOT NULL,
    -- Length of `members`, in which each member is named once.
    size INTEGER NOT NULL,
    members TEXT NOT NULL
) STRICT;

CREATE INDEX seen_member_by_group ON seen_member (run, grp);

-- Ranges of `seen_member` whose new memberships `member_of` still lacks.
CREATE TABLE unsettled (
    first INTEGER PRIMARY KEY,
    last INTEGER NOT NULL,
    run INTEGER NOT NULL
) STRICT;

CREATE TABLE proven_group (
    run INTEGER NOT NULL,
    grp INTEGER NOT NULL,
    PRIMARY KEY (run, grp)
) STRICT, WITHOUT ROWID;

CREATE TABLE proven_stream (
    run INTEGER NOT NULL,
    stream INTEGER NOT NULL,
    PRIMARY KEY (run, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE unavailable_group (
    position INTEGER PRIMARY KEY,
    run INTEGER NOT NULL REFERENCES run (key),
    id TEXT NOT NULL,
    reason TEXT NOT NULL,
    UNIQUE (run, id)
) STRICT;

-- how: 0 hide; else the departure.
CREATE TABLE staged_object (
    run INTEGER NOT NULL,
    object INTEGER NOT NULL,
    how INTEGER NOT NULL,
    PRIMARY KEY (run, object)
) STRICT, WITHOUT ROWID;

-- why: 0 by the source's word, 1 not seen in a complete group, 2 with its group or member.
CREATE TABLE staged_membership (
    run INTEGER NOT NULL,
    grp INTEGER NOT NULL,
    member INTEGER NOT NULL,
    why INTEGER NOT NULL,
    PRIMARY KEY (run, grp, member)
) STRICT, WITHOUT ROWID;
