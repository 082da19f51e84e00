-- Where the target model of the connector's plugin has its list of groups; names joined with a point. NULL where
-- documents have none, or no run has begun since there is this column.
ALTER TABLE connector ADD COLUMN groups_path TEXT;
