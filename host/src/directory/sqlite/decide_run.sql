UPDATE run
SET state = $2, verdict = $3, decided_by = $4, decided_why = $5, decided = $6
WHERE key = $1
