-- What the objects of a row are, so that those of a stream are counted without a look at each. NULL: before there was
-- this column.
ALTER TABLE seen_object ADD COLUMN kind INTEGER;
