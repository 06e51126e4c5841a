-- The key that had the file deleted with the store that its source filled, so that the certificate
-- says who asked for it when the upkeep does it. Null for files whose own time is over.
ALTER TABLE files ADD COLUMN deleted_by TEXT;
