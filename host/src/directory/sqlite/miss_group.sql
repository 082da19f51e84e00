INSERT INTO unavailable_group (run, id, reason) VALUES ($1, $2, $3)
ON CONFLICT (run, id) DO UPDATE SET reason = excluded.reason;

DELETE FROM proven_group WHERE run = $1 AND grp = $4;
