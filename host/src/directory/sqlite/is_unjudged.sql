-- Whether the connector's run before this one ended without having read all: it may have removed memberships and
-- judged nobody, and their users will not be mentioned again.
SELECT coalesce(
    (SELECT NOT groups_complete FROM run WHERE connector = $2 AND key < $1 ORDER BY key DESC LIMIT 1),
    0
)
