-- A file's text may be taken from its bytes anew. Until that one answers, and in other stores, the
-- chunks of the one before do, whose characters are counted in theirs. So a file may have several
-- texts: `text_version` of a chunk says which one it is cut from, that of a file which one is
-- shown. Version 0 is the text in `file_texts`, which was read before there were versions.
CREATE TABLE document_texts (
    file_id TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    version BIGINT NOT NULL,
    tenant_id TEXT NOT NULL,
    text TEXT NOT NULL,
    structure TEXT NOT NULL,
    PRIMARY KEY (file_id, version)
);
ALTER TABLE files ADD COLUMN text_version BIGINT NOT NULL DEFAULT 0;
ALTER TABLE chunks ADD COLUMN text_version BIGINT NOT NULL DEFAULT 0;

-- With `reparse` a build takes the texts anew. Of a file that is whole in it: the text that is to be
-- shown, where it was read anew, and whether it could not be, so that the one before is kept.
ALTER TABLE index_generations ADD COLUMN reparse BIGINT NOT NULL DEFAULT 0;
ALTER TABLE generation_files ADD COLUMN text_version BIGINT;
ALTER TABLE generation_files ADD COLUMN unread BIGINT NOT NULL DEFAULT 0;
