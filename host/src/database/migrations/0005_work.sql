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
