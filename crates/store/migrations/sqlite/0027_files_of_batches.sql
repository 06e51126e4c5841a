-- The files that a batch was given, those that were attached before as well. `status` is how a file
-- stood when it was last in progress for the batch: what becomes of it later, another reading or a
-- delete, changes nothing of a batch that is over. A file that is taken out of its store is counted,
-- no longer named.
CREATE TABLE file_batch_files (
    batch_id TEXT NOT NULL REFERENCES file_batches (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL,
    store_id TEXT NOT NULL,
    file_id TEXT,
    status TEXT NOT NULL,
    UNIQUE (batch_id, file_id)
);
CREATE INDEX file_batch_files_by_file ON file_batch_files (store_id, file_id);

INSERT INTO file_batch_files (batch_id, tenant_id, store_id, file_id, status)
SELECT sf.batch_id, sf.tenant_id, sf.store_id, sf.file_id, sf.status FROM store_files sf
JOIN file_batches b ON b.id = sf.batch_id;

CREATE TRIGGER file_batch_files_settle AFTER UPDATE OF status ON store_files
WHEN NEW.status <> 'in_progress'
BEGIN
    UPDATE file_batch_files SET status = NEW.status
    WHERE store_id = NEW.store_id AND file_id = NEW.file_id AND status = 'in_progress';
END;

CREATE TRIGGER file_batch_files_leave BEFORE DELETE ON store_files
BEGIN
    UPDATE file_batch_files SET file_id = NULL,
        status = CASE status WHEN 'in_progress' THEN 'cancelled' ELSE status END
    WHERE store_id = OLD.store_id AND file_id = OLD.file_id;
END;
