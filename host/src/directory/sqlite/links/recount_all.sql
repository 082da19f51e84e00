UPDATE label
SET links = (SELECT n.links FROM linked AS n WHERE n.object = label.object)
WHERE kind IN (0, 1)
