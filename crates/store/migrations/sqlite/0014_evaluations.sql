-- Questions to a vector store, with what is known about their answers. `fingerprint` is of what was
-- asked for, so that the same questions sent again are the same set. `wish` is how questions are to
-- be generated, NULL for the user's own; `status` is ready, generating or failed.
CREATE TABLE question_sets (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    wish TEXT,
    status TEXT NOT NULL,
    fraction DOUBLE PRECISION NOT NULL,
    error TEXT,
    created_at BIGINT NOT NULL,
    UNIQUE (store_id, fingerprint)
);
CREATE INDEX question_sets_of_tenant ON question_sets (tenant_id, id);

-- A generated question is made of a file's words, names the file, and goes with it. `relevant` and
-- `expected` are JSON lists.
CREATE TABLE questions (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    set_id TEXT NOT NULL REFERENCES question_sets (id) ON DELETE CASCADE,
    origin TEXT NOT NULL,
    kind TEXT NOT NULL,
    text TEXT NOT NULL,
    answerable BIGINT NOT NULL,
    relevant TEXT NOT NULL,
    expected TEXT NOT NULL,
    source_file_id TEXT
);
CREATE INDEX questions_of_set ON questions (set_id, id);
CREATE INDEX questions_by_file ON questions (source_file_id);

-- Runs over a question set. `worse` is 1 when the run was worse than the one before it.
CREATE TABLE evaluations (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    set_id TEXT NOT NULL REFERENCES question_sets (id) ON DELETE CASCADE,
    plan TEXT NOT NULL,
    status TEXT NOT NULL,
    stage TEXT NOT NULL,
    fraction DOUBLE PRECISION NOT NULL,
    error TEXT,
    result TEXT,
    worse BIGINT,
    created_at BIGINT NOT NULL,
    finished_at BIGINT
);
CREATE INDEX evaluations_of_tenant ON evaluations (tenant_id, id);
CREATE INDEX evaluations_of_store ON evaluations (store_id);
CREATE INDEX evaluations_of_set ON evaluations (set_id, id);

-- What one configuration made of one question. `outcome` holds no word of a document, `answer` does:
-- it is emptied when a file it rests on is deleted.
CREATE TABLE evaluation_results (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL,
    evaluation_id TEXT NOT NULL REFERENCES evaluations (id) ON DELETE CASCADE,
    configuration BIGINT NOT NULL,
    question_id TEXT NOT NULL,
    outcome TEXT NOT NULL,
    answer TEXT,
    UNIQUE (evaluation_id, configuration, question_id)
);

CREATE TABLE evaluation_sources (
    result_id TEXT NOT NULL REFERENCES evaluation_results (id) ON DELETE CASCADE,
    file_id TEXT NOT NULL,
    PRIMARY KEY (result_id, file_id)
);
CREATE INDEX evaluation_sources_by_file ON evaluation_sources (file_id);
