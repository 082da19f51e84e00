SELECT name, stage, title, state, checkpoint
FROM partition
WHERE run = $1 AND NOT ended
ORDER BY stage, position
