SELECT c.fingerprint, c.taken, p.name, p.value
FROM connector AS c
LEFT JOIN cursor_part AS p ON p.connector = c.key
WHERE c.key = $1 AND c.fingerprint IS NOT NULL
ORDER BY p.name
