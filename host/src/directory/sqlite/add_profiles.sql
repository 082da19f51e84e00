INSERT OR FAIL INTO profile (object, name, document)
VALUES (?, ?, ?)
