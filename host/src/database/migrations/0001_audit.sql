-- Who did what. Rows are only ever added; the triggers keep even this program from more.
CREATE TABLE audit (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    -- Unix milliseconds.
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id TEXT,
    actor_name TEXT NOT NULL,
    -- area.verb, such as connector.create
    action TEXT NOT NULL,
    target_kind TEXT,
    target_id TEXT,
    target_name TEXT,
    -- Where the request came from; NULL where nobody asked over the network.
    address TEXT,
    -- JSON: what changed. Never a secret.
    details TEXT NOT NULL
) STRICT;

CREATE INDEX audit_by_target ON audit (target_id, position) WHERE target_id IS NOT NULL;

CREATE TRIGGER audit_is_never_changed BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;

CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
