-- Who may come in, and how they prove it. Instants are Unix milliseconds.
CREATE TABLE user (
    id TEXT NOT NULL PRIMARY KEY,
    name TEXT NOT NULL,
    -- The name in lower case: two users never differ in case alone.
    folded TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    -- Argon2id, in PHC form; NULL where only an identity provider can sign them in.
    password TEXT,
    disabled INTEGER NOT NULL DEFAULT 0,
    -- Whether this is the admin that the first start made.
    first INTEGER NOT NULL DEFAULT 0,
    -- Who they are at the identity provider.
    issuer TEXT,
    subject TEXT,
    revision INTEGER NOT NULL DEFAULT 1,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    signed_in_at INTEGER,
    UNIQUE (issuer, subject),
    CHECK ((issuer IS NULL) = (subject IS NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE session (
    -- SHA-256 of what the cookie holds: whoever reads this file can't sign in with it.
    digest BLOB NOT NULL PRIMARY KEY,
    -- How it is named where sessions are listed.
    id TEXT NOT NULL UNIQUE,
    user TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    -- password, setup or oidc
    means TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    -- Written at most once a minute.
    seen_at INTEGER NOT NULL,
    address TEXT,
    agent TEXT
) STRICT, WITHOUT ROWID;

CREATE INDEX session_by_user ON session (user);

-- What programs sign in with.
CREATE TABLE api_token (
    id TEXT NOT NULL PRIMARY KEY,
    -- SHA-256 of the whole token.
    digest BLOB NOT NULL,
    user TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    role TEXT NOT NULL CHECK (role IN ('viewer', 'operator', 'admin')),
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    -- Written at most once a minute.
    used_at INTEGER
) STRICT, WITHOUT ROWID;

CREATE INDEX api_token_by_user ON api_token (user);

-- Where a user signed in from: the brake on guessing that holds for all addresses together
-- doesn't hold for these, so a stranger can't keep a user out.
CREATE TABLE familiar_address (
    user TEXT NOT NULL REFERENCES user (id) ON DELETE CASCADE,
    address TEXT NOT NULL,
    at INTEGER NOT NULL,
    PRIMARY KEY (user, address)
) STRICT, WITHOUT ROWID;
