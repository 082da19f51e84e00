-- Keys of the objects of a stream that a connector's run has stored, an array for each time. Kinds and streams have
-- the same codes.
SELECT s.objects
FROM run AS r
CROSS JOIN seen_object AS s ON s.run = r.key
WHERE r.connector = $1 AND r.state = 'processing' AND s.kind = $2
