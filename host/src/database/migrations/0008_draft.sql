-- Connectors that somebody is about to make. Their secrets lie in the vault, under the draft's identifier, which
-- becomes the connector's.
CREATE TABLE draft (
    id TEXT PRIMARY KEY,
    -- The user who makes it: nobody else sees it.
    owner TEXT NOT NULL,
    -- JSON, without secrets.
    answers TEXT NOT NULL,
    -- Unix milliseconds.
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX draft_by_owner ON draft (owner, changed_at);
CREATE INDEX draft_by_age ON draft (changed_at);
