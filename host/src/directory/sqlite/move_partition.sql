UPDATE partition
SET checkpoint = $3, ended = ($3 IS NULL)
WHERE run = $1 AND name = $2
