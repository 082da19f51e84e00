-- The run that left the cursor. What later runs brought into sight without leaving one, the next run hears of again.
-- NULL: before there was this column.
ALTER TABLE connector ADD COLUMN cursor_run INTEGER;
