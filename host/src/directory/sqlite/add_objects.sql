INSERT OR FAIL INTO object (key, connector, id, kind, state)
VALUES (?, ?, ?, ?, ?)
