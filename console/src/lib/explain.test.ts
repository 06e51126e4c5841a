import { expect, test } from "vitest";
import type { HitExplain, Passage } from "../api/types";
import { scoreSteps, shareWords, tookSteps } from "./explain";

const EXPLAIN: HitExplain = {
  query: 0,
  ranking: { dense_weight: 0.6, spread: 0, late: 0 },
  dense_place: 1,
  bm25_place: null,
  dense: 0.9,
  bm25: 0,
  fused: 0.54,
  spread: null,
  first_stage: 0.54,
  late: null,
  coverage: null,
  final: 0.6,
  strength: 0.9,
};

const hit = (explain: Partial<HitExplain>): Passage => ({
  file_id: "file-1",
  filename: "a.md",
  score: 0.54,
  cairn: { dense: 0.612345, bm25: null, explain: { ...EXPLAIN, ...explain } },
});

test("a hit shows the steps that it went through, the score last", () => {
  const steps = scoreSteps(hit({}));
  expect(steps.map(({ name }) => name)).toEqual(["dense", "bm25", "fused", "final", "strength", "score"]);
  expect(steps[0]).toMatchObject({ value: 0.9, note: "cosine 0.612 · no. 1" });
  expect(steps[1]).toMatchObject({ value: 0, note: "no word matches" });
  expect(steps[2]?.note).toBe("60 % meaning, 40 % words");
  expect(steps.slice(3).map(({ value }) => value)).toEqual([0.6, 0.9, 0.54]);
});

test("neighbours, other stores, a reranker and coverage are steps where they took part", () => {
  const ranking = { dense_weight: 0.6, spread: 0.2, late: 0.4 };
  const all = hit({ ranking, spread: 0.3, standing: 0.9, first_stage: 0.5, late: 0.7, coverage: 1, final: 0.8 });
  expect(scoreSteps(all).map(({ name }) => name)).toEqual([
    ...["dense", "bm25", "fused", "spread", "standing", "first_stage", "late", "coverage", "final"],
    ...["strength", "score"],
  ]);
  expect(scoreSteps(hit({ ranking })).at(-3)?.note).toBe("not reranked");
});

test("what was not asked to explain itself has no steps", () => {
  expect(scoreSteps({ file_id: "file-1", filename: "a.md" })).toEqual([]);
});

test("shares are told in words, those of nothing are not", () => {
  expect(shareWords({ dense_weight: 0.6, spread: 0, late: 0 })).toBe("60 % meaning and 40 % words");
  expect(shareWords({ dense_weight: 1, spread: 0.2, late: 0.4 })).toBe(
    "100 % meaning and 0 % words, 20 % of it neighbours, 40 % reranker",
  );
});

test("the time of each step that was taken is beside the longest", () => {
  const none = { lookup_ms: 0, vectors_ms: 0, rank_ms: 0, rerank_ms: 0, records_ms: 0 };
  const steps = tookSteps({ embed_ms: 8, dense_ms: 2, bm25_ms: 0, ...none, total_ms: 11 });
  expect(steps.map(({ name, ms, share }) => [name, ms, share])).toEqual([
    ["embed_ms", 8, 1],
    ["dense_ms", 2, 0.25],
  ]);
});
