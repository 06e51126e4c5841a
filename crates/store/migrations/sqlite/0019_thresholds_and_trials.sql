-- How sure it must be that a store's documents answer a question: learned from judged questions, or
-- given. Below it the answer is that they do not say. A store without a row has the default.
-- `quality` is what the threshold was compared by, as JSON.
CREATE TABLE store_thresholds (
    tenant_id TEXT NOT NULL,
    store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    threshold DOUBLE PRECISION NOT NULL,
    choice TEXT NOT NULL,
    quality TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, store_id)
);

-- A generation that an evaluation builds to try another way of cutting or another embedding model:
-- the run, and which of its configurations.
ALTER TABLE index_generations ADD COLUMN evaluation_id TEXT;
ALTER TABLE index_generations ADD COLUMN evaluation_configuration BIGINT;
CREATE INDEX index_generations_by_evaluation ON index_generations (evaluation_id)
WHERE evaluation_id IS NOT NULL;
