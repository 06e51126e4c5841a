-- A file may end by itself; NULL stays until it is deleted.
ALTER TABLE files ADD COLUMN expires_at BIGINT;
CREATE INDEX files_by_expiry ON files (expires_at);

-- A file that comes in parts; `file_seconds` is how long the file shall live once it is whole.
CREATE TABLE uploads (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    file_seconds BIGINT,
    status TEXT NOT NULL,
    file_id TEXT,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX uploads_of_tenant ON uploads (tenant_id, id);
CREATE INDEX uploads_by_expiry ON uploads (status, expires_at);

CREATE TABLE upload_parts (
    id TEXT PRIMARY KEY,
    upload_id TEXT NOT NULL REFERENCES uploads (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX upload_parts_of_upload ON upload_parts (upload_id);

CREATE TABLE conversations (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX conversations_of_tenant ON conversations (tenant_id, id);

-- `seq` is the order of the conversation; ids of different kinds do not sort.
CREATE TABLE conversation_items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL,
    tenant_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL REFERENCES conversations (id) ON DELETE CASCADE,
    body TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    UNIQUE (conversation_id, id)
);

-- Which files an item rests on, so that a delete reaches its words.
CREATE TABLE item_sources (
    item_seq BIGINT NOT NULL REFERENCES conversation_items (seq) ON DELETE CASCADE,
    file_id TEXT NOT NULL,
    PRIMARY KEY (item_seq, file_id)
);
CREATE INDEX item_sources_by_file ON item_sources (file_id);

-- `pieces` are the lengths in characters in which the text was streamed, so that the
-- stream can be played again with the same numbers.
ALTER TABLE responses ADD COLUMN status TEXT NOT NULL DEFAULT 'completed';
ALTER TABLE responses ADD COLUMN pieces TEXT NOT NULL DEFAULT '[]';
CREATE INDEX responses_by_status ON responses (status);

-- What requests with an idempotency key were answered, for a day.
CREATE TABLE remembered (
    tenant_id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    path TEXT NOT NULL,
    status BIGINT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, principal_id, name)
);
CREATE INDEX remembered_by_age ON remembered (created_at);

-- When the answers of a tenant were last forgotten: one that was begun before is not kept.
CREATE TABLE forgotten (
    tenant_id TEXT PRIMARY KEY,
    at BIGINT NOT NULL
);
