INSERT INTO label (object, connector, kind, folded, group_kind, since, changed)
VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (object) DO UPDATE
SET kind = excluded.kind, folded = excluded.folded, group_kind = excluded.group_kind,
    changed = excluded.changed
