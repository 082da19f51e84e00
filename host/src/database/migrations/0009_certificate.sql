-- What may be known of a secret that is a certificate with its key: JSON, without the key.
ALTER TABLE secret ADD COLUMN certificate TEXT;
