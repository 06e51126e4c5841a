-- Places that documents are kept in step with. `config` is as it may be shown; what is secret
-- in it is sealed in `secrets`. `principal_id` and `role` are of who made it: what a run does
-- it does for them. `state` is 'idle', 'queued', 'running' or 'removing'.
CREATE TABLE sources (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    config TEXT NOT NULL,
    secrets TEXT NOT NULL,
    attributes TEXT NOT NULL,
    -- 0 runs only when asked.
    every_seconds BIGINT NOT NULL,
    principal_id TEXT NOT NULL,
    role TEXT NOT NULL,
    state TEXT NOT NULL DEFAULT 'idle',
    paused BIGINT NOT NULL DEFAULT 0,
    -- Why it waits for somebody to confirm deletes.
    held TEXT,
    -- What was asked for: a run, that it may delete, that it tries failed items again.
    requested BIGINT NOT NULL DEFAULT 1,
    confirmed BIGINT NOT NULL DEFAULT 0,
    retried BIGINT NOT NULL DEFAULT 0,
    next_run_at BIGINT NOT NULL,
    -- Runs that failed one after the other.
    failures BIGINT NOT NULL DEFAULT 0,
    started_at BIGINT,
    finished_at BIGINT,
    outcome TEXT,
    error TEXT,
    counts TEXT NOT NULL DEFAULT '{}',
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX sources_of_tenant ON sources (tenant_id, id);
CREATE INDEX sources_of_store ON sources (store_id);
CREATE INDEX sources_to_run ON sources (state, next_run_at);

-- What is held of each thing at a source. `file_id` answers; `pending_id` is the newer version
-- that is being read and takes its place in the transaction that completes it. `version` and
-- `sha256` are of the newest content taken, `failed_version` is the one that could not be.
-- What `error` stands with has failed; `retry_at` is when it is worth another try, and NULL
-- when only a new version is. A file that somebody deleted leaves NULL.
CREATE TABLE source_items (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    source_id TEXT NOT NULL REFERENCES sources (id) ON DELETE CASCADE,
    key TEXT NOT NULL,
    version TEXT NOT NULL,
    failed_version TEXT,
    name TEXT NOT NULL,
    bytes BIGINT,
    modified_at BIGINT,
    attributes TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    file_id TEXT REFERENCES files (id) ON DELETE SET NULL,
    pending_id TEXT REFERENCES files (id) ON DELETE SET NULL,
    error TEXT,
    attempts BIGINT NOT NULL DEFAULT 0,
    retry_at BIGINT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (source_id, key)
);
CREATE INDEX source_items_of_source ON source_items (source_id, id);
CREATE INDEX source_items_failed ON source_items (source_id, retry_at) WHERE error IS NOT NULL;
CREATE INDEX source_items_pending ON source_items (source_id) WHERE pending_id IS NOT NULL;
CREATE INDEX source_items_by_file ON source_items (file_id);
CREATE INDEX source_items_by_pending ON source_items (pending_id);
