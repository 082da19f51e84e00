-- Complete groups that hold more members than were seen. Whatever was seen is held, so where one
-- page gave them all, as many means the same; where several did, a member may have come twice.
SELECT p.grp
FROM proven_group AS p
WHERE p.run = $1
AND (SELECT count(*) FROM membership AS e WHERE e.grp = p.grp) > (
    SELECT CASE count(*) WHEN 1 THEN max(s.size) ELSE 0 END
    FROM seen_member AS s
    WHERE s.run = p.run AND s.grp = p.grp
)
