INSERT OR FAIL INTO label (object, connector, kind, folded, since, changed)
VALUES (?, ?, ?, ?, ?, ?)
