-- Users who may be in more or fewer groups than before. Of a hidden one none count. Writing a count that stays costs
-- as much as any other, and of most that come into sight there is none.
UPDATE label
SET links = (SELECT n.links FROM linked AS n WHERE n.object = label.object)
WHERE kind = 0 AND object IN (SELECT value FROM json_each($1))
AND (links <> 0 OR EXISTS (SELECT 1 FROM member_of AS e WHERE e.member = label.object))
