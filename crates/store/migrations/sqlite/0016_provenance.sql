-- How an answer came about: models, prompt, sampling, the search and its passages. A JSON
-- object beside the answer, scrubbed and deleted with it.
CREATE TABLE provenance (
    tenant_id TEXT NOT NULL,
    response_id TEXT NOT NULL REFERENCES responses (id) ON DELETE CASCADE,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant_id, response_id)
);
CREATE INDEX provenance_of_response ON provenance (response_id);
