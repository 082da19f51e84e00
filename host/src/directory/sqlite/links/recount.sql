UPDATE label
SET links = (SELECT n.links FROM linked AS n WHERE n.object = label.object)
WHERE kind = 1 AND object IN (SELECT value FROM json_each($1))
