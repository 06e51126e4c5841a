-- Where two indexes know as many columns SQLite takes either: to find a file's chunks it took the
-- one by generation, and went through the whole store. This one knows four.
CREATE INDEX chunks_of_file ON chunks (file_id, tenant_id, store_id, generation);
CREATE INDEX chunk_parents_of_file ON chunk_parents (file_id, tenant_id);
