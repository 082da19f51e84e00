-- What the connector held when a run had ended, for its course over time. NULL where the run didn't get as far as
-- the directory, or ended before there were these columns.
ALTER TABLE run ADD COLUMN users_held INTEGER;
ALTER TABLE run ADD COLUMN groups_held INTEGER;
ALTER TABLE run ADD COLUMN memberships_held INTEGER;

-- When a connector came to each of its states last, and how many runs it has in each, are asked for by every page
-- that lists connectors.
CREATE INDEX transition_by_state ON transition (connector, to_state, at);
CREATE INDEX run_by_state ON run (connector, state);
