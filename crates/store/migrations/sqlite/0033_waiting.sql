-- What the reading of an attached file, or the building of a generation, waits for, in words for
-- whoever may read it, and when it is tried again. Null but while it is put off for an embedding
-- model that is busy or away.
ALTER TABLE store_files ADD COLUMN waiting TEXT;
ALTER TABLE store_files ADD COLUMN retry_at BIGINT;
ALTER TABLE index_generations ADD COLUMN waiting TEXT;
ALTER TABLE index_generations ADD COLUMN retry_at BIGINT;
