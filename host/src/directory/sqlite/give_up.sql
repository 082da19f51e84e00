-- An unfinished run ends as failed. Its staged removals are forgotten.
UPDATE run SET state = 'failed', ended = $2 WHERE key = $1
