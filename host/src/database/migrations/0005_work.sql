-- Where each connector stands, and every step that led there. States and events are those of `work::state`.
CREATE TABLE standing (
    connector TEXT PRIMARY KEY,
    state TEXT NOT NULL,
    -- Unix milliseconds of the last step.
    since INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE transition (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    connector TEXT NOT NULL,
    -- NULL at the very first.
    from_state TEXT,
    to_state TEXT NOT NULL,
    event TEXT NOT NULL,
    cause TEXT NOT NULL,
    -- JSON of the actor.
    actor TEXT NOT NULL,
    run TEXT,
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX transition_by_connector ON transition (connector, position);

-- Every run that was asked for, newest last: identifiers grow with time. Words are those of `work::record`.
CREATE TABLE run (
    id TEXT PRIMARY KEY,
    connector TEXT NOT NULL,
    connector_name TEXT NOT NULL,
    profile TEXT NOT NULL,
    profile_name TEXT NOT NULL,
    trigger TEXT NOT NULL,
    -- Of a schedule: the time that it is for, in Unix milliseconds, and how many before it had no run.
    occurrence INTEGER,
    missed INTEGER,
    -- Of a retry: the run that failed.
    retry_of TEXT,
    asked TEXT NOT NULL,
    -- Known once it has ended.
    mode TEXT,
    state TEXT NOT NULL,
    -- JSON of the actor.
    actor TEXT NOT NULL,
    -- Unix milliseconds.
    queued_at INTEGER NOT NULL,
    started_at INTEGER,
    ended_at INTEGER,
    -- How often somebody set about it, and how often that was the end of the process.
    attempts INTEGER NOT NULL DEFAULT 0,
    crashes INTEGER NOT NULL DEFAULT 0,
    -- The process that carries it out: nobody else may end it.
    owner TEXT,
    -- JSON of the actor who wants it to end.
    cancelled_by TEXT,
    -- Its key in the directory's store.
    directory_run INTEGER,
    plugin TEXT,
    -- Why it is of its mode.
    reason TEXT,
    -- JSON of the fault, and its code.
    fault TEXT,
    fault_code TEXT,
    -- When a failed run will be tried again; NULL once that has happened or is of no use any more.
    retry_at INTEGER,
    -- Whether the next run starts from its cursor.
    cursor_kept INTEGER NOT NULL DEFAULT 0,
    users_added INTEGER NOT NULL DEFAULT 0,
    users_updated INTEGER NOT NULL DEFAULT 0,
    users_removed INTEGER NOT NULL DEFAULT 0,
    groups_added INTEGER NOT NULL DEFAULT 0,
    groups_updated INTEGER NOT NULL DEFAULT 0,
    groups_removed INTEGER NOT NULL DEFAULT 0,
    memberships_added INTEGER NOT NULL DEFAULT 0,
    memberships_removed INTEGER NOT NULL DEFAULT 0,
    requests INTEGER NOT NULL DEFAULT 0,
    resource_units INTEGER NOT NULL DEFAULT 0,
    waited_ms INTEGER NOT NULL DEFAULT 0,
    duration_ms INTEGER NOT NULL DEFAULT 0,
    -- JSON of a decision about a held run; while the run is still held, it is being carried out.
    decision TEXT,
    superseded_by TEXT
) STRICT, WITHOUT ROWID;

-- Runs of one connector never overlap.
CREATE UNIQUE INDEX run_open ON run (connector) WHERE state IN ('queued', 'processing');
CREATE INDEX run_by_connector ON run (connector, id);
CREATE INDEX run_to_retry ON run (retry_at) WHERE retry_at IS NOT NULL;

-- Apart from the runs, so that lists don't read them.
CREATE TABLE run_report (
    run TEXT PRIMARY KEY REFERENCES run (id) ON DELETE CASCADE,
    -- JSON.
    report TEXT NOT NULL
) STRICT;

-- Until which occurrence a profile's schedule has been seen to, in Unix milliseconds.
CREATE TABLE considered (
    profile TEXT PRIMARY KEY,
    until INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Occurrences for which there was no run.
CREATE TABLE skipped (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    connector TEXT NOT NULL,
    profile TEXT NOT NULL,
    profile_name TEXT NOT NULL,
    occurrence INTEGER NOT NULL,
    reason TEXT NOT NULL,
    -- The run that was in its way.
    run TEXT,
    at INTEGER NOT NULL
) STRICT;

CREATE INDEX skipped_by_connector ON skipped (connector, position);
