-- A judgement that names characters of a file holds for one of the file's texts only. Here are the
-- words that stand at these characters, to be found again in another text: `place` is the judgement's
-- position in the question's `relevant`, `words` its first words, `words_end` its last ones where they
-- are too many to be kept whole. `nth` of `occurrences` places in the text that have the words is
-- meant, from 0. They go with the file, whose words they are.
CREATE TABLE judged_words (
    question_id TEXT NOT NULL REFERENCES questions (id) ON DELETE CASCADE,
    place BIGINT NOT NULL,
    file_id TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL,
    text_version BIGINT NOT NULL,
    words TEXT NOT NULL,
    words_end TEXT,
    nth BIGINT NOT NULL,
    occurrences BIGINT NOT NULL,
    PRIMARY KEY (question_id, place, file_id)
);
CREATE INDEX judged_words_by_file ON judged_words (file_id);

-- The questions there are: their characters are surely those of a file's text if it has never been
-- read anew. Of the others it is not known, and they are left out of the figures.
INSERT INTO judged_words (question_id, place, file_id, tenant_id, text_version, words, words_end, nth, occurrences)
SELECT q.id, j.key, f.id, q.tenant_id, 0,
    substr(t.text, json_extract(j.value, '$.char_start') + 1,
        CASE WHEN json_extract(j.value, '$.char_end') - json_extract(j.value, '$.char_start') > 4000 THEN 2000
        ELSE json_extract(j.value, '$.char_end') - json_extract(j.value, '$.char_start') END),
    CASE WHEN json_extract(j.value, '$.char_end') - json_extract(j.value, '$.char_start') > 4000
        THEN substr(t.text, json_extract(j.value, '$.char_end') - 1999, 2000) END,
    0, 1
FROM questions q CROSS JOIN json_each(q.relevant) j
CROSS JOIN files f ON f.id = json_extract(j.value, '$.file') AND f.tenant_id = q.tenant_id AND f.text_version = 0
JOIN file_texts t ON t.file_id = f.id
WHERE json_type(j.value, '$.char_start') = 'integer' AND json_type(j.value, '$.char_end') = 'integer'
AND json_extract(j.value, '$.char_end') <= length(t.text);

-- The same of files that are called by their names. With the index, and in this order, no store is gone
-- through for each question.
CREATE INDEX judged_files ON files (tenant_id, filename);
INSERT INTO judged_words (question_id, place, file_id, tenant_id, text_version, words, words_end, nth, occurrences)
SELECT q.id, j.key, f.id, q.tenant_id, 0,
    substr(t.text, json_extract(j.value, '$.char_start') + 1,
        CASE WHEN json_extract(j.value, '$.char_end') - json_extract(j.value, '$.char_start') > 4000 THEN 2000
        ELSE json_extract(j.value, '$.char_end') - json_extract(j.value, '$.char_start') END),
    CASE WHEN json_extract(j.value, '$.char_end') - json_extract(j.value, '$.char_start') > 4000
        THEN substr(t.text, json_extract(j.value, '$.char_end') - 1999, 2000) END,
    0, 1
FROM questions q CROSS JOIN json_each(q.relevant) j
CROSS JOIN question_sets s ON s.id = q.set_id
CROSS JOIN files f ON f.tenant_id = q.tenant_id AND f.filename = json_extract(j.value, '$.file')
    AND f.text_version = 0
CROSS JOIN store_files sf ON sf.store_id = s.store_id AND sf.file_id = f.id
JOIN file_texts t ON t.file_id = f.id
WHERE q.origin = 'user'
AND json_type(j.value, '$.char_start') = 'integer' AND json_type(j.value, '$.char_end') = 'integer'
AND json_extract(j.value, '$.char_end') <= length(t.text)
ON CONFLICT (question_id, place, file_id) DO NOTHING;
DROP INDEX judged_files;

-- Runs that begin by themselves: after some time (`every_seconds`, 0 for never), and after a change of
-- the store's index, of its ranking, or of so many of its documents (`after_documents`, 0 for never).
-- `principal_id`, `role` and `principals` (a JSON list) are of who set it up: runs are theirs.
-- `seen_…` is how the store was when a run was begun last; none begins before `not_before`. `error`
-- is why the last one could not even begin. The newest `keep_runs` of its runs are kept.
CREATE TABLE evaluation_schedules (
    id TEXT PRIMARY KEY,
    tenant_id TEXT NOT NULL REFERENCES tenants (id),
    store_id TEXT NOT NULL REFERENCES vector_stores (id) ON DELETE CASCADE,
    set_id TEXT NOT NULL REFERENCES question_sets (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    plan TEXT NOT NULL,
    every_seconds BIGINT NOT NULL,
    after_reindex BIGINT NOT NULL,
    after_ranking BIGINT NOT NULL,
    after_documents BIGINT NOT NULL,
    keep_runs BIGINT NOT NULL,
    principal_id TEXT NOT NULL,
    role TEXT NOT NULL,
    principals TEXT NOT NULL,
    paused BIGINT NOT NULL DEFAULT 0,
    next_run_at BIGINT NOT NULL,
    not_before BIGINT NOT NULL DEFAULT 0,
    seen_generation BIGINT NOT NULL,
    seen_ranking BIGINT NOT NULL,
    seen_documents BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    error TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX evaluation_schedules_of_tenant ON evaluation_schedules (tenant_id, id);
CREATE INDEX evaluation_schedules_of_store ON evaluation_schedules (store_id);
CREATE INDEX evaluation_schedules_of_set ON evaluation_schedules (set_id);
CREATE INDEX store_files_by_age ON store_files (store_id, tenant_id, created_at, status);

-- The schedule that began a run, and on which occasion: `time`, `reindex`, `ranking`, `documents` or
-- `request`.
ALTER TABLE evaluations ADD COLUMN schedule_id TEXT;
ALTER TABLE evaluations ADD COLUMN occasion TEXT;
CREATE INDEX evaluations_of_schedule ON evaluations (schedule_id, id) WHERE schedule_id IS NOT NULL;
CREATE INDEX evaluations_scheduled_open ON evaluations (tenant_id)
WHERE schedule_id IS NOT NULL AND status IN ('queued', 'running');
