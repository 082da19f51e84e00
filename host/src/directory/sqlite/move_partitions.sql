-- By key, so that SQLite does not look through the array for each partition of the run.
UPDATE partition
SET checkpoint = given.value ->> 1, ended = (given.value ->> 1 IS NULL)
FROM json_each($2) AS given
WHERE partition.position = (
    SELECT p.position FROM partition AS p WHERE p.run = $1 AND p.name = given.value ->> 0
)
