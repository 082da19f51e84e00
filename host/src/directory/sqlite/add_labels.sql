INSERT OR FAIL INTO label (object, connector, kind, folded, group_kind, since, changed)
VALUES (?, ?, ?, ?, ?, ?, ?)
