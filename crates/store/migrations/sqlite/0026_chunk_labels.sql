-- What a chunk's document is called: embedded and indexed in front of `context`, where neither that
-- nor the text says it. Chunks from before have none until their store is re-indexed.
ALTER TABLE chunks ADD COLUMN label TEXT NOT NULL DEFAULT '';
