-- Secrets, each sealed for its place: a row moved to another owner or key no longer opens.
CREATE TABLE secret (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    -- Which of the operator's keys sealed it.
    key_id TEXT NOT NULL,
    -- Nonce and ciphertext.
    sealed BLOB NOT NULL,
    set_at INTEGER NOT NULL,
    set_by TEXT NOT NULL,
    -- A date, YYYY-MM-DD, as the administrator noted it.
    expires_on TEXT,
    PRIMARY KEY (owner, name)
) STRICT, WITHOUT ROWID;
