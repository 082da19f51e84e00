SELECT * FROM run
WHERE
    (?1 IS NULL OR id < ?1)
    AND (?2 IS NULL OR connector = ?2)
    AND (?3 IS NULL OR profile = ?3)
    AND (?4 IS NULL OR state = ?4)
    AND (?5 IS NULL OR mode = ?5)
    AND (?6 IS NULL OR trigger = ?6)
    AND (?7 IS NULL OR fault_code = ?7)
    AND (?8 IS NULL OR queued_at >= ?8)
    AND (?9 IS NULL OR queued_at < ?9)
ORDER BY id DESC
LIMIT ?10;
