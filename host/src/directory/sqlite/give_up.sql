-- An unfinished run ends as failed. Its staged removals are forgotten.
UPDATE run
SET state = 'failed', ended = $2,
    unavailable = (SELECT count(*) FROM unavailable_group WHERE run = $1)
WHERE key = $1
