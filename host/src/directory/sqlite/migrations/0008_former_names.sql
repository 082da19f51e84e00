-- Names of users who were dropped because no membership reached them, for the history of their memberships: the source
-- still has them.
CREATE TABLE former_name (
    object INTEGER PRIMARY KEY,
    name TEXT NOT NULL
) STRICT;
