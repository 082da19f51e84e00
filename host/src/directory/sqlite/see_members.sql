INSERT OR FAIL INTO seen_member (run, grp, size, members)
SELECT $1, value ->> 0, value ->> 1, value -> 2
FROM json_each($2)
