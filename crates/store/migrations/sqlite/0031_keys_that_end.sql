-- When a key stops to work by itself; null for never.
ALTER TABLE api_keys ADD COLUMN expires_at BIGINT;
-- The secret (its SHA-256) before the last rotation, and until when it works beside the new one.
ALTER TABLE api_keys ADD COLUMN previous_hash TEXT;
ALTER TABLE api_keys ADD COLUMN previous_until BIGINT;

-- When each key was last used. It is not a column of the keys: a change to those has all of them
-- looked up anew.
CREATE TABLE key_uses (
    key_id TEXT PRIMARY KEY REFERENCES api_keys (id) ON DELETE CASCADE,
    used_at BIGINT NOT NULL
);
