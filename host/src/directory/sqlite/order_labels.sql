-- Labels that came in the meantime, in `label_order`'s own order.
INSERT OR FAIL INTO label_order (connector, kind, folded, object)
SELECT l.connector, l.kind, l.folded, l.object
FROM label AS l NOT INDEXED
WHERE l.object > (SELECT ordered_to FROM labelling)
ORDER BY l.connector, l.kind, l.folded, l.object;

UPDATE labelling
SET ordered_to = max(ordered_to, (SELECT coalesce(max(object), 0) FROM label));
