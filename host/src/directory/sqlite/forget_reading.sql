-- What only a run that reads needs.
DELETE FROM partition WHERE run = $1;
DELETE FROM seen_object WHERE run = $1;
DELETE FROM seen_member WHERE run = $1;
