-- Users who may be in more or fewer groups than before. Of a hidden one none count.
UPDATE label
SET links = (SELECT n.links FROM linked AS n WHERE n.object = label.object)
WHERE kind = 0 AND object IN (SELECT value FROM json_each($1))
