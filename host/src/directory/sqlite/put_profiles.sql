INSERT INTO profile (object, name, document, group_kind)
VALUES (?, ?, ?, ?)
ON CONFLICT (object) DO UPDATE
SET name = excluded.name, document = excluded.document, group_kind = excluded.group_kind
WHERE name <> excluded.name OR document <> excluded.document OR group_kind <> excluded.group_kind
RETURNING object
