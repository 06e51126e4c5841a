-- The users and groups a key speaks for: a JSON list.
ALTER TABLE api_keys ADD COLUMN principals TEXT NOT NULL DEFAULT '[]';

-- 1 when only those in `file_access` may read the file; else the whole tenant may.
ALTER TABLE files ADD COLUMN restricted BIGINT NOT NULL DEFAULT 0;
CREATE INDEX files_restricted ON files (tenant_id) WHERE restricted = 1;
CREATE TABLE file_access (
    file_id TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL,
    principal TEXT NOT NULL,
    PRIMARY KEY (file_id, principal)
);

-- Stores whose rows are gone and whose index must still go.
CREATE TABLE index_drops (
    store_id TEXT PRIMARY KEY
);

-- Stores whose index still has removed points in its files. `marks` grows with every
-- removal, so that one which comes while the index is written anew is not lost.
CREATE TABLE index_rewrites (
    store_id TEXT PRIMARY KEY,
    marks BIGINT NOT NULL DEFAULT 1
);

-- Tenants whose rows are gone and whose folders must still go.
CREATE TABLE tenant_removals (
    tenant_id TEXT PRIMARY KEY
);

-- What was deleted, by whom, and the signed certificate once its bytes are gone too.
-- It outlives what it speaks of, the tenant included, and holds none of its content.
CREATE TABLE erasures (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    reason TEXT NOT NULL,
    destroyed TEXT NOT NULL,
    requested_at BIGINT NOT NULL,
    completed_at BIGINT,
    certificate TEXT,
    signature TEXT
);
CREATE INDEX erasures_of_tenant ON erasures (tenant_id, id);
CREATE INDEX erasures_pending ON erasures (completed_at);
