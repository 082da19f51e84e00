INSERT INTO proven_stream (run, stream) VALUES ($1, $2)
ON CONFLICT DO NOTHING
