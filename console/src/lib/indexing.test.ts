import { expect, test } from "vitest";
import type { Chunking, IndexGeneration, ReindexRun, StoreRanking } from "../api/types";
import {
  chunkingWords,
  languageName,
  LANGUAGES,
  languageWords,
  modelWords,
  rankingChange,
  rankingOrigin,
  reindexLeft,
  reindexProgress,
  reindexWish,
  reportWords,
  sizes,
  startingPoint,
  thresholdOrigin,
} from "./indexing";

const held: StoreRanking = {
  object: "vector_store.ranking",
  vector_store_id: "vs_1",
  ranking: { dense_weight: 0.6, spread: 0, late: 0.2 },
  choice: "default",
  queries: 0,
  quality: null,
  learned_at: null,
  threshold: { value: 0.35, choice: "default", quality: null, set_at: null },
};
const active: IndexGeneration = {
  generation: 1,
  embedding_model: "own",
  embedding_version: null,
  chunking: { type: "static", max_tokens: 800, overlap_tokens: 400 },
  language: null,
  language_named: false,
};
const run: ReindexRun = {
  generation: { ...active, generation: 2 },
  created_at: 1,
  finished_at: null,
  files_total: 12,
  files_done: 3,
  fraction: 0.25,
  seconds_left: 90,
  waiting: null,
  retry_at: null,
  error: null,
  report: null,
};

test("an edited share sends all shares, so that no other falls back to the default", () => {
  expect(rankingChange(held, { dense_weight: "0.4" })).toEqual({
    ranking: { dense_weight: 0.4, spread: 0, late: 0.2 },
  });
});

test("an edited threshold leaves the ranking as it is, and both go together", () => {
  expect(rankingChange(held, { threshold: "0.5" })).toEqual({ threshold: 0.5 });
  expect(rankingChange(held, { threshold: "0", spread: "0.1" })).toEqual({
    ranking: { dense_weight: 0.6, spread: 0.1, late: 0.2 },
    threshold: 0,
  });
});

test("fields that say what is so change nothing, and an empty one is not zero", () => {
  expect(rankingChange(held, {})).toBeNull();
  expect(rankingChange(held, { dense_weight: "0.60", threshold: "0.35" })).toBeNull();
  expect(rankingChange(held, { spread: "" })?.ranking?.spread).toBeNaN();
});

test("a ranking and a threshold say where they come from", () => {
  const quality = { learned: 0.7, default: 0.6, dense: 0.5, words: 0.4 };
  expect(rankingOrigin(held)).toBe("the program’s own");
  expect(rankingOrigin({ ...held, queries: 40, quality })).toContain("40 judged questions showed nothing better");
  expect(rankingOrigin({ ...held, choice: "learned", queries: 40, quality })).toBe("learned from 40 judged questions");
  expect(rankingOrigin({ ...held, choice: "words", queries: 40, quality })).toMatch(/^words alone/);
  expect(rankingOrigin({ ...held, choice: "given" })).toBe("set by hand");
  expect(thresholdOrigin(held.threshold)).toBe("the program’s own");
  expect(thresholdOrigin({ ...held.threshold, choice: "given" })).toBe("set by hand");
});

test("the fields of a way of cutting start as the store has them, else by default", () => {
  const mine: Chunking = { type: "structure", max_tokens: 300, heading_context: false };
  expect(startingPoint("structure", mine)).toBe(mine);
  expect(startingPoint("parent_child", mine)).toEqual({
    type: "parent_child",
    child_tokens: 128,
    parent_tokens: 800,
    heading_context: true,
  });
});

test("sizes keep to the server's bounds, also where one depends on another", () => {
  const overlap = sizes({ type: "static", max_tokens: 301, overlap_tokens: 10 })[1];
  expect(overlap).toMatchObject({ name: "overlap_tokens", min: 0, max: 150 });
  const family = sizes({ type: "parent_child", child_tokens: 64, parent_tokens: 800, heading_context: true });
  expect(family.map(({ name, min }) => [name, min])).toEqual([
    ["child_tokens", 16],
    ["parent_tokens", 65],
  ]);
  expect(sizes({ type: "auto" })).toEqual([]);
});

test("an index is told in words", () => {
  expect(chunkingWords(active.chunking)).toBe("800 tokens, 400 shared with the chunk before");
  expect(chunkingWords({ type: "structure", max_tokens: 400, heading_context: true })).toBe(
    "by sections, up to 400 tokens, with the headings above",
  );
  expect(modelWords(active)).toBe("own");
  expect(modelWords({ ...active, embedding_model: "mine", embedding_version: 3 })).toBe("mine@3");
  expect(languageWords(active)).toBe("told from the first texts");
  expect(languageWords(active, "de")).toBe("German, told from the texts");
  expect(languageWords({ ...active, language: "fr", language_named: true }, "de")).toBe("French, named");
});

test("every language has a name, and a code that is none is shown as it is", () => {
  for (const code of LANGUAGES) expect(languageName(code)).not.toBe(code);
  expect(languageName("not a code")).toBe("not a code");
});

test("a re-index is asked only for what shall change", () => {
  expect(reindexWish({ model: " ", chunking: null, language: "", reparse: false })).toEqual({});
  expect(reindexWish({ model: "", chunking: null, language: "", reparse: true })).toEqual({ reparse: true });
  expect(reindexWish({ model: " mine@2 ", chunking: { type: "auto" }, language: "auto", reparse: false })).toEqual({
    embedding_model: "mine@2",
    chunking: { type: "auto" },
    language: "auto",
  });
});

test("a re-index says how far it is and how it compares", () => {
  expect(reindexProgress(run)).toBe("Re-indexing: 3 of 12 files done");
  expect(reindexProgress({ ...run, files_done: null, files_total: null })).toBe("Re-indexing");
  expect(reindexLeft(run)).toBe("about 1 min 30 s left");
  expect(reindexLeft({ ...run, seconds_left: null })).toBeNull();
  const report = { files: 1, chunks_before: 20, chunks_after: 1500, searches: 20, recall_at_10: 0.934 };
  expect(reportWords(report)).toBe(
    "1 file, 20 chunks before and 1,500 now. Of the first ten hits of 20 sampled searches, 93 % are found again.",
  );
  const unsearched = { ...report, recall_at_10: null };
  expect(reportWords(unsearched)).toBe("1 file, 20 chunks before and 1,500 now.");
  expect(reportWords({ ...unsearched, texts_changed: 1, files_unread: 0 })).toBe(
    "1 file, 20 chunks before and 1,500 now. Read again: 1 text changed.",
  );
  expect(reportWords({ ...unsearched, texts_changed: 0, files_unread: 2 })).toBe(
    "1 file, 20 chunks before and 1,500 now. Read again: 0 texts changed. " +
      "2 files could not be read any more and kept the text there was.",
  );
});
