-- What was guessed or left out when a file was read: a JSON list of the notes of the text that is
-- shown, so that listing files parses no structures.
ALTER TABLE files ADD COLUMN notes TEXT NOT NULL DEFAULT '[]';

UPDATE files SET notes = (
    SELECT COALESCE(json_extract(t.structure, '$.notes'), '[]') FROM document_texts t
    WHERE t.file_id = files.id AND t.version = files.text_version
) WHERE text_version <> 0 AND EXISTS (
    SELECT 1 FROM document_texts t WHERE t.file_id = files.id AND t.version = files.text_version
    AND json_valid(t.structure)
);

UPDATE files SET notes = (
    SELECT COALESCE(json_extract(t.structure, '$.notes'), '[]') FROM file_texts t
    WHERE t.file_id = files.id
) WHERE text_version = 0 AND EXISTS (
    SELECT 1 FROM file_texts t WHERE t.file_id = files.id AND json_valid(t.structure)
);
