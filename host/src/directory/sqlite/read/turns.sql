-- When runs stored what they added, and when they removed what they removed.
SELECT key, coalesce(ended, started),
    coalesce(CASE verdict WHEN 'allow' THEN decided END, ended, started)
FROM run
WHERE key IN (SELECT value FROM json_each($1))
