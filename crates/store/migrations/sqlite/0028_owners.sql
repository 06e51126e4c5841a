-- Who made a stored answer or a conversation: the users that the maker's key speaks for, or
-- `key:` and the key's id where it speaks for none. Those from before have no owner and stay
-- open to their tenant.
CREATE TABLE response_owners (
    response_id TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    PRIMARY KEY (response_id, owner)
);

CREATE TABLE conversation_owners (
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    owner TEXT NOT NULL,
    PRIMARY KEY (conversation_id, owner)
);

-- 1 when the whole tenant may read the conversation and go on with it.
ALTER TABLE conversations ADD COLUMN shared BIGINT NOT NULL DEFAULT 0;
