-- How many direct members a group shows, which the store keeps; a group is never shown as its own member.
SELECT l.links - EXISTS (SELECT 1 FROM membership AS e WHERE e.grp = $1 AND e.member = $1)
FROM label AS l
WHERE l.object = $1
