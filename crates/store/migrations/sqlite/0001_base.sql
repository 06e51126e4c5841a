-- Rows are the truth; the index, caches and statistics are derived from them.
-- Times are milliseconds since the Unix epoch. JSON is kept as text.

CREATE TABLE tenants (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    created_at BIGINT NOT NULL
);

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    role TEXT NOT NULL,
    name TEXT NOT NULL,
    hash TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    revoked_at BIGINT
);

CREATE TABLE files (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    filename TEXT NOT NULL,
    purpose TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX files_of_tenant ON files (tenant_id, id);

CREATE TABLE file_texts (
    file_id TEXT PRIMARY KEY REFERENCES files (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL,
    text TEXT NOT NULL,
    structure TEXT NOT NULL
);

CREATE TABLE vector_stores (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    description TEXT,
    metadata TEXT NOT NULL,
    embedding_model TEXT NOT NULL,
    expires_after_days BIGINT,
    created_at BIGINT NOT NULL,
    last_active_at BIGINT NOT NULL
);
CREATE INDEX vector_stores_of_tenant ON vector_stores (tenant_id, id);

CREATE TABLE store_files (
    store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    file_id TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL,
    batch_id TEXT,
    status TEXT NOT NULL,
    error_code TEXT,
    error_message TEXT,
    attributes TEXT NOT NULL,
    chunk_tokens BIGINT NOT NULL,
    overlap_tokens BIGINT NOT NULL,
    usage_bytes BIGINT NOT NULL DEFAULT 0,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (store_id, file_id)
);
CREATE INDEX store_files_by_file ON store_files (file_id);
CREATE INDEX store_files_by_batch ON store_files (batch_id);

-- `seq` is the point id in the index and its applied position: it only grows.
CREATE TABLE chunks (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    tenant_id TEXT NOT NULL,
    store_id TEXT NOT NULL,
    file_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    text TEXT NOT NULL,
    heading TEXT NOT NULL,
    page BIGINT,
    char_start BIGINT NOT NULL,
    char_end BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    vector BLOB NOT NULL,
    FOREIGN KEY (store_id, file_id) REFERENCES store_files (store_id, file_id) ON DELETE CASCADE
);
CREATE INDEX chunks_by_file ON chunks (store_id, file_id, ordinal);

-- Points whose rows are gone and whose index entries must still go.
CREATE TABLE index_removals (
    seq BIGINT PRIMARY KEY,
    store_id TEXT NOT NULL
);

-- Blobs whose rows are gone and whose bytes must still go.
CREATE TABLE blob_removals (
    path TEXT PRIMARY KEY
);

CREATE TABLE file_batches (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL
);

CREATE TABLE responses (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    body TEXT NOT NULL,
    input TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

-- Which files a stored response quotes, so that a delete reaches the quotes.
CREATE TABLE response_sources (
    response_id TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
    file_id TEXT NOT NULL,
    PRIMARY KEY (response_id, file_id)
);
CREATE INDEX response_sources_by_file ON response_sources (file_id);

CREATE TABLE datasets (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    sha256 TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    source TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name, version)
);

CREATE TABLE training_runs (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    dataset TEXT NOT NULL,
    dataset_version BIGINT NOT NULL,
    dataset_sha256 TEXT NOT NULL,
    target TEXT NOT NULL,
    model TEXT NOT NULL,
    budget_seconds BIGINT NOT NULL,
    seed BIGINT NOT NULL,
    status TEXT NOT NULL,
    task TEXT,
    stage TEXT NOT NULL,
    fraction DOUBLE PRECISION NOT NULL,
    error TEXT,
    result TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX training_runs_of_tenant ON training_runs (tenant_id, id);

CREATE TABLE models (
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    name TEXT NOT NULL,
    deployed_version BIGINT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name)
);

-- A version is immutable: rows are inserted and deleted, never updated.
CREATE TABLE model_versions (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    version BIGINT NOT NULL,
    sha256 TEXT NOT NULL,
    bytes BIGINT NOT NULL,
    run_id TEXT NOT NULL,
    metadata TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name, version),
    FOREIGN KEY (tenant_id, name) REFERENCES models (tenant_id, name) ON DELETE CASCADE
);

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    role TEXT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    status TEXT NOT NULL,
    run_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL DEFAULT 0,
    max_attempts BIGINT NOT NULL,
    lease_until BIGINT NOT NULL DEFAULT 0,
    fence BIGINT NOT NULL DEFAULT 0,
    error TEXT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX jobs_to_run ON jobs (status, kind, run_at);
CREATE INDEX jobs_of_tenant ON jobs (tenant_id, kind, status);

-- Append-only.
CREATE TABLE usage_ledger (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    operation TEXT NOT NULL,
    model TEXT NOT NULL,
    input_tokens BIGINT NOT NULL,
    output_tokens BIGINT NOT NULL,
    request_id TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX usage_of_tenant ON usage_ledger (tenant_id, seq);
