-- A store's index is made anew with another embedding model or another way of cutting while the
-- old one answers. Each making is a generation with an index of its own, which `index_name` names;
-- the first has the store's id. At most one is active and at most one is being built.
--
-- `embedding_version` is NULL for the program's own model, and so is `dimensions`. `chunking` is
-- how files are cut that do not say it themselves, as JSON; NULL is OpenAI's default. With `recut`
-- the build cuts every file so, whatever it said. `swept` is 1 once the rows of an ended generation
-- are gone. The estimate of a build counts from `started_at` and
-- `bytes_at_start`.
CREATE TABLE index_generations (
    tenant_id TEXT NOT NULL,
    store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    generation BIGINT NOT NULL,
    index_name TEXT NOT NULL UNIQUE,
    embedding_model TEXT NOT NULL,
    embedding_version BIGINT,
    dimensions BIGINT,
    chunking TEXT,
    recut BIGINT NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    error TEXT,
    report TEXT,
    swept BIGINT NOT NULL DEFAULT 0,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    bytes_at_start BIGINT NOT NULL DEFAULT 0,
    finished_at BIGINT,
    PRIMARY KEY (tenant_id, store_id, generation)
);
CREATE UNIQUE INDEX index_generations_active ON index_generations (store_id) WHERE state = 'active';
CREATE UNIQUE INDEX index_generations_building ON index_generations (store_id) WHERE state = 'building';
CREATE INDEX index_generations_by_model ON index_generations (tenant_id, embedding_model);

INSERT INTO index_generations (tenant_id, store_id, generation, index_name, embedding_model, state, created_at)
SELECT tenant_id, id, 1, id, embedding_model, 'active', created_at FROM vector_stores;

-- Files that are whole in the generation being built: of which attachment, and what they take.
CREATE TABLE generation_files (
    tenant_id TEXT NOT NULL,
    store_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    file_id TEXT NOT NULL,
    revision BIGINT NOT NULL,
    usage_bytes BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, store_id, generation, file_id),
    FOREIGN KEY (store_id, file_id) REFERENCES store_files (store_id, file_id) ON DELETE CASCADE
);
CREATE INDEX generation_files_by_file ON generation_files (store_id, file_id);

-- Large chunks that are shown where a small one in them was found.
CREATE TABLE chunk_parents (
    tenant_id TEXT NOT NULL,
    store_id TEXT NOT NULL,
    file_id TEXT NOT NULL,
    generation BIGINT NOT NULL,
    ordinal BIGINT NOT NULL,
    text TEXT NOT NULL,
    heading TEXT NOT NULL,
    page BIGINT,
    char_start BIGINT NOT NULL,
    char_end BIGINT NOT NULL,
    tokens BIGINT NOT NULL,
    PRIMARY KEY (tenant_id, store_id, file_id, generation, ordinal),
    FOREIGN KEY (store_id, file_id) REFERENCES store_files (store_id, file_id) ON DELETE CASCADE
);
CREATE INDEX chunk_parents_by_file ON chunk_parents (store_id, file_id);
CREATE INDEX chunk_parents_by_generation ON chunk_parents (store_id, generation);

-- `context` is embedded and indexed in front of the text, `parent` the ordinal of the large chunk.
ALTER TABLE chunks ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE chunks ADD COLUMN context TEXT NOT NULL DEFAULT '';
ALTER TABLE chunks ADD COLUMN parent BIGINT;
CREATE INDEX chunks_by_generation ON chunks (store_id, generation, seq);

-- How the file is cut where `chunk_tokens` and `overlap_tokens` do not say it, as JSON.
ALTER TABLE store_files ADD COLUMN chunking TEXT;
