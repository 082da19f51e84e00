DELETE FROM label_order
WHERE (connector, kind, folded, object) IN (
    SELECT l.connector, l.kind, l.folded, l.object
    FROM json_each($1) AS given
    CROSS JOIN label AS l ON l.object = given.value
);

DELETE FROM label WHERE object IN (SELECT value FROM json_each($1));

DELETE FROM profile WHERE object IN (SELECT value FROM json_each($1));

DELETE FROM former_name WHERE object IN (SELECT value FROM json_each($1));

DELETE FROM object WHERE key IN (SELECT value FROM json_each($1));

-- Keys may come again, and then without being ordered.
UPDATE labelling
SET ordered_to = min(ordered_to, (SELECT coalesce(max(key), 0) FROM object));
