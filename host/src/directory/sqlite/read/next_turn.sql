-- The newest of a connector's runs between two, in which anybody joined, as far as is known,
-- or left.
SELECT r.key
FROM run AS r
WHERE r.connector = $1 AND r.key BETWEEN $2 AND $3
AND (
    EXISTS (SELECT 1 FROM joining AS e WHERE e.run = r.key)
    OR EXISTS (SELECT 1 FROM past_membership AS e INDEXED BY past_membership_by_since WHERE e.since = r.key)
    OR EXISTS (SELECT 1 FROM past_membership AS e INDEXED BY past_membership_by_until WHERE e.until = r.key)
)
ORDER BY r.key DESC
LIMIT 1
