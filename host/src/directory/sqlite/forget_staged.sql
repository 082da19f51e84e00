DELETE FROM staged_object WHERE run = $1;
DELETE FROM staged_membership WHERE run = $1;
