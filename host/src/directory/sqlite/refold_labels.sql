INSERT INTO label (object, connector, kind, folded, since, changed)
VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (object) DO UPDATE SET folded = excluded.folded
