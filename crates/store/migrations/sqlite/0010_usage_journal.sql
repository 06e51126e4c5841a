-- Usage is first written to a journal of numbered files; this is the last of them that
-- is wholly in the ledger. It is one row.
CREATE TABLE usage_journal (
    folded BIGINT NOT NULL
);
INSERT INTO usage_journal (folded) VALUES (0);
