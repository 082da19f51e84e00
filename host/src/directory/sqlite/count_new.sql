SELECT count(*)
FROM json_each($1) AS pair
WHERE NOT EXISTS (
    SELECT 1 FROM membership
    WHERE grp = pair.value ->> 0 AND member = pair.value ->> 1
)
