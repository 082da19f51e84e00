-- The documents come in one blob, `$2`, of which each row names its piece: as JSON strings they
-- would be escaped, parsed and unescaped, which costs more than storing them.
INSERT INTO profile (object, name, document)
SELECT value ->> 0, value ->> 1, CAST(substr($2, value ->> 2, value ->> 3) AS TEXT)
FROM json_each($1)
WHERE true
ON CONFLICT (object) DO UPDATE
SET name = excluded.name, document = excluded.document
WHERE name <> excluded.name OR document <> excluded.document
