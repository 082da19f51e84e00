-- What an earlier assessment made of proofs that may have grown since.
DELETE FROM staged_membership WHERE run = $1 AND why <> 0;
DELETE FROM staged_object WHERE run = $1 AND how IN (2, 3, 4);
