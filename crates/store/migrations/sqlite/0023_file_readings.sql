-- What turns of reading a file with many scanned pages have read so far; gone when it is read.
CREATE TABLE file_readings (
    file_id TEXT NOT NULL REFERENCES files (id) ON DELETE CASCADE,
    tenant_id TEXT NOT NULL,
    turn BIGINT NOT NULL,
    readings TEXT NOT NULL,
    PRIMARY KEY (file_id, turn)
);
