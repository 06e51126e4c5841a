-- Through which vector stores an answer found the files it rests on, so that the delete of a
-- store reaches what was quoted through it. Rows go with the answer, and with its file.
CREATE TABLE response_stores (
    response_id TEXT NOT NULL,
    file_id TEXT NOT NULL,
    store_id TEXT NOT NULL,
    PRIMARY KEY (response_id, file_id, store_id),
    FOREIGN KEY (response_id, file_id) REFERENCES response_sources (response_id, file_id) ON DELETE CASCADE
);
CREATE INDEX response_stores_by_store ON response_stores (store_id);

CREATE TABLE item_stores (
    item_seq BIGINT NOT NULL,
    file_id TEXT NOT NULL,
    store_id TEXT NOT NULL,
    PRIMARY KEY (item_seq, file_id, store_id),
    FOREIGN KEY (item_seq, file_id) REFERENCES item_sources (item_seq, file_id) ON DELETE CASCADE
);
CREATE INDEX item_stores_by_store ON item_stores (store_id);

-- Of answers from before it is known which stores they name, and where their files are now:
-- where an answer names none of those (an earlier turn asked it), each of them counts.
INSERT INTO response_stores (response_id, file_id, store_id)
SELECT s.response_id, s.file_id, sf.store_id FROM response_sources s
JOIN responses r ON r.id = s.response_id JOIN store_files sf ON sf.file_id = s.file_id
WHERE instr(r.body, '"' || sf.store_id || '"') > 0;

INSERT INTO response_stores (response_id, file_id, store_id)
SELECT s.response_id, s.file_id, sf.store_id FROM response_sources s
JOIN store_files sf ON sf.file_id = s.file_id
WHERE NOT EXISTS (SELECT 1 FROM response_stores o
    WHERE o.response_id = s.response_id AND o.file_id = s.file_id);

INSERT INTO item_stores (item_seq, file_id, store_id)
SELECT s.item_seq, s.file_id, sf.store_id FROM item_sources s
JOIN store_files sf ON sf.file_id = s.file_id;
