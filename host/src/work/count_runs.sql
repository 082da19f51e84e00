SELECT count(*) FROM run
WHERE
    (?1 IS NULL OR connector = ?1)
    AND (?2 IS NULL OR profile = ?2)
    AND (?3 IS NULL OR state = ?3)
    AND (?4 IS NULL OR mode = ?4)
    AND (?5 IS NULL OR trigger = ?5)
    AND (?6 IS NULL OR fault_code = ?6)
    AND (?7 IS NULL OR queued_at >= ?7)
    AND (?8 IS NULL OR queued_at < ?8);
