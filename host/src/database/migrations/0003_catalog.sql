-- What administrators configured. Times are Unix milliseconds, identifiers are UUIDs. A name is unique
-- without regard to case: `folded` is the name in lower case.
CREATE TABLE connector (
    -- Also the connector's name in the directory store.
    id TEXT PRIMARY KEY,
    -- Counts the changes.
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL UNIQUE,
    description TEXT NOT NULL,
    plugin TEXT NOT NULL,
    -- NULL for whichever is active.
    version TEXT,
    model_name TEXT NOT NULL,
    model_type TEXT NOT NULL,
    -- JSON object without secrets.
    settings TEXT NOT NULL,
    paused INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- A profile says when a connector runs, with which map, and what its guard lets through.
CREATE TABLE profile (
    id TEXT PRIMARY KEY,
    connector TEXT NOT NULL REFERENCES connector (id) ON DELETE CASCADE,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    description TEXT NOT NULL,
    -- UUID of an own map, or `default.plugin.name`.
    map TEXT NOT NULL,
    active INTEGER NOT NULL,
    baseline TEXT NOT NULL,
    -- JSON.
    schedule TEXT NOT NULL,
    -- Whether the schedule ever asks for a run.
    scheduled INTEGER NOT NULL,
    -- Since when it does: occurrences before this are nobody's.
    scheduled_since INTEGER NOT NULL,
    -- JSON.
    guard TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    UNIQUE (connector, folded)
) STRICT, WITHOUT ROWID;

CREATE INDEX profile_by_map ON profile (map);

CREATE TABLE transform_map (
    id TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    name TEXT NOT NULL,
    folded TEXT NOT NULL,
    plugin TEXT NOT NULL,
    source_model TEXT NOT NULL,
    target_model TEXT NOT NULL,
    -- The newest version.
    version INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    created_by TEXT NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    UNIQUE (plugin, folded)
) STRICT, WITHOUT ROWID;

-- Rows are only ever added, and go with their map.
CREATE TABLE transform_map_version (
    map TEXT NOT NULL REFERENCES transform_map (id) ON DELETE CASCADE,
    -- From 1.
    version INTEGER NOT NULL,
    -- JSON list.
    rules TEXT NOT NULL,
    comment TEXT NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    PRIMARY KEY (map, version)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER map_versions_are_never_changed BEFORE UPDATE ON transform_map_version
BEGIN SELECT RAISE(ABORT, 'a version of a transform map is never changed'); END;

-- Which of the platform's groups a group of the source feeds: a row for each pair.
CREATE TABLE group_link (
    connector TEXT NOT NULL REFERENCES connector (id) ON DELETE CASCADE,
    source_group TEXT NOT NULL,
    platform_group TEXT NOT NULL,
    at INTEGER NOT NULL,
    by TEXT NOT NULL,
    PRIMARY KEY (connector, source_group, platform_group)
) STRICT, WITHOUT ROWID;

CREATE INDEX group_link_by_platform_group ON group_link (platform_group, connector, source_group);

-- Deleted connectors whose users, groups and memberships are still to be removed from the directory store,
-- which is another database.
CREATE TABLE leftover (
    connector TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
