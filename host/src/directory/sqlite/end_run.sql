UPDATE run
SET state = $2, ended = $3, report = $4,
    unavailable = (SELECT count(*) FROM unavailable_group WHERE run = $1),
    promotes = $6,
    users_removed = CASE WHEN $5 THEN users_removed ELSE 0 END,
    groups_removed = CASE WHEN $5 THEN groups_removed ELSE 0 END,
    memberships_removed = CASE WHEN $5 THEN memberships_removed ELSE 0 END
WHERE key = $1
