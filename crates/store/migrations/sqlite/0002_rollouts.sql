-- A version is of a kind: 'onnx' and 'gguf' name a file by its SHA-256, 'remote' a
-- provider's model. `source` says where it comes from: '{}' for a blob of the tenant.
ALTER TABLE model_versions ADD COLUMN kind TEXT NOT NULL DEFAULT 'onnx';
ALTER TABLE model_versions ADD COLUMN source TEXT NOT NULL DEFAULT '{}';

CREATE TABLE model_aliases (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    alias TEXT NOT NULL,
    version BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name, alias),
    FOREIGN KEY (tenant_id, name, version)
        REFERENCES model_versions (tenant_id, name, version) ON DELETE CASCADE
);

-- One for each model: the one under way, or the last one. `principal_id` and `role`
-- are of who set it; what it does by itself it does for them.
CREATE TABLE rollouts (
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    id TEXT NOT NULL UNIQUE,
    status TEXT NOT NULL,
    state TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    role TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, name),
    FOREIGN KEY (tenant_id, name) REFERENCES models (tenant_id, name) ON DELETE CASCADE
);

-- Append-only: who changed which version answers, when and why. It outlives the model.
CREATE TABLE rollout_events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    tenant_id TEXT NOT NULL,
    name TEXT NOT NULL,
    rollout_id TEXT NOT NULL,
    principal_id TEXT NOT NULL,
    automatic BIGINT NOT NULL,
    action TEXT NOT NULL,
    reason TEXT NOT NULL,
    version BIGINT,
    detail TEXT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX rollout_events_of_model ON rollout_events (tenant_id, name, seq);
