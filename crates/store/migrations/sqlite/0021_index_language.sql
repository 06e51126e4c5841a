-- The language that the words of an index are counted in, an ISO 639-1 code or 'other'; NULL is told
-- from its first texts. With `language_named` it was asked for and stays in later generations; else
-- it was told from the texts.
ALTER TABLE index_generations ADD COLUMN language TEXT;
ALTER TABLE index_generations ADD COLUMN language_named BIGINT NOT NULL DEFAULT 0;
