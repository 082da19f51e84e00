INSERT OR FAIL INTO profile (object, name, document, group_kind)
VALUES (?, ?, ?, ?)
