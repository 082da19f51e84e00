-- Profiles in the order in which they come. By `object` they would lie at random places of the largest table of a first
-- snapshot, since memberships name most users before their listing does: each page of the file would be written again
-- and again.
CREATE TABLE profile_as_it_comes (
    object INTEGER NOT NULL UNIQUE,
    name TEXT NOT NULL,
    document TEXT NOT NULL,
    -- As in `label`.
    group_kind TEXT NOT NULL DEFAULT ''
) STRICT;

INSERT INTO profile_as_it_comes (object, name, document, group_kind)
SELECT object, name, document, group_kind FROM profile ORDER BY object;

DROP TABLE profile;

ALTER TABLE profile_as_it_comes RENAME TO profile;
