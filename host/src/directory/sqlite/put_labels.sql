INSERT INTO label (object, connector, kind, folded, since, changed)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (object) DO UPDATE
SET kind = excluded.kind, folded = excluded.folded, changed = excluded.changed
