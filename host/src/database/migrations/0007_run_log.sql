-- What is told of runs while they go on: the newest lines, within the bounds of `journal`.
CREATE TABLE run_log (
    run TEXT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    -- Unix microseconds of when it was said, made to differ: the order of the lines.
    position INTEGER NOT NULL,
    -- Words are those of `journal`.
    level TEXT NOT NULL,
    source TEXT NOT NULL,
    text TEXT NOT NULL,
    PRIMARY KEY (run, position)
) STRICT, WITHOUT ROWID;

-- How many older lines are not there any more.
ALTER TABLE run ADD COLUMN log_dropped INTEGER NOT NULL DEFAULT 0;
