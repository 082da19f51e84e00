INSERT OR FAIL INTO object (key, connector, id, kind, state)
SELECT value ->> 0, $1, value ->> 1, value ->> 2, value ->> 3
FROM json_each($2)
