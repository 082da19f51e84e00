INSERT OR FAIL INTO seen_member (run, grp, size, members)
VALUES (?, ?, ?, ?)
