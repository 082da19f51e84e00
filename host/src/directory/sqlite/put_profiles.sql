INSERT INTO profile (object, name, document)
VALUES (?, ?, ?)
ON CONFLICT (object) DO UPDATE
SET name = excluded.name, document = excluded.document
WHERE name <> excluded.name OR document <> excluded.document
RETURNING object
