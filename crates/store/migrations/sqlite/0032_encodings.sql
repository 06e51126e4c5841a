-- What a version's owner says of how it makes vectors: prefixes of queries and documents, pooling,
-- length. It is part of what the version is, so it is never changed. A JSON object.
ALTER TABLE model_versions ADD COLUMN encoding TEXT NOT NULL DEFAULT '{}';
