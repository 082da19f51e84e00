-- A snapshot knows all memberships, so of those who are here nothing is missing any more.
UPDATE object SET departure = NULL
WHERE connector = $1 AND state = 1 AND departure IS NOT NULL
