-- How a store puts hits in order: what it learned from judged queries, or was given. A
-- store without a row has the default.
CREATE TABLE store_rankings (
    tenant_id TEXT NOT NULL,
    store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    ranking TEXT NOT NULL,
    choice TEXT NOT NULL,
    queries BIGINT NOT NULL,
    quality TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, store_id)
);
