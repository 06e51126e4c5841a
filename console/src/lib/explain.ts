import type { Passage, RankingShares, SearchTook } from "../api/types";
import { figure, percent } from "./format";

/** How a passage came to its score, and where the time of a search went. */

/** One step with a number from 0 to 1 and what stands behind it. */
export interface ScoreStep {
  name: string;
  title: string;
  value: number;
  note: string;
}

/** The steps of a passage's score in their order, the score last; none where they were not asked for. */
export function scoreSteps({ score, cairn }: Passage): ScoreStep[] {
  const explain = cairn?.explain;
  if (!explain) return [];
  const { ranking } = explain;
  const steps: ScoreStep[] = [
    {
      name: "dense",
      title: "Meaning",
      value: explain.dense,
      note: raw("cosine", cairn.dense, explain.dense_place, "not compared"),
    },
    {
      name: "bm25",
      title: "Words",
      value: explain.bm25,
      note: raw("BM25", cairn.bm25, explain.bm25_place, "no word matches"),
    },
    {
      name: "fused",
      title: "Fused",
      value: explain.fused,
      note: `${percent(ranking.dense_weight)} meaning, ${percent(1 - ranking.dense_weight)} words`,
    },
  ];
  const add = (name: string, title: string, value: number | null | undefined, note: string) => {
    if (typeof value === "number") steps.push({ name, title, value, note });
  };
  add("spread", "Neighbours", explain.spread, `share ${percent(ranking.spread)}`);
  add("standing", "Store", explain.standing, "its best beside all stores");
  if (explain.first_stage !== explain.fused) add("first_stage", "First stage", explain.first_stage, "before a reranker");
  add("late", "Reranked", explain.late, `share ${percent(ranking.late)}`);
  add("coverage", "Coverage", explain.coverage, "of the question’s words");
  add("final", "Relative", explain.final, explain.late === null && ranking.late > 0 ? "not reranked" : "orders the hits");
  add("strength", "Strength", explain.strength, "of the best hits");
  add("score", "Score", score ?? explain.final, explain.strength === undefined ? "" : "relative × strength");
  return steps;
}

function raw(unit: string, value: number | null | undefined, place: number | null, none: string): string {
  const parts = [];
  if (typeof value === "number") parts.push(`${unit} ${figure(Number(value.toPrecision(3)))}`);
  if (place !== null) parts.push(`no. ${place}`);
  return parts.length === 0 ? none : parts.join(" · ");
}

/** The shares of a ranking in words. */
export function shareWords({ dense_weight, spread, late }: RankingShares): string {
  const words = [`${percent(dense_weight)} meaning and ${percent(1 - dense_weight)} words`];
  if (spread > 0) words.push(`${percent(spread)} of it neighbours`);
  if (late > 0) words.push(`${percent(late)} reranker`);
  return words.join(", ");
}

const TOOK: [Exclude<keyof SearchTook, "total_ms">, string][] = [
  ["embed_ms", "Embed the query"],
  ["dense_ms", "Nearest vectors"],
  ["bm25_ms", "Words"],
  ["lookup_ms", "Missing scores"],
  ["vectors_ms", "Read vectors"],
  ["rank_ms", "Rank"],
  ["rerank_ms", "Rerank"],
  ["records_ms", "Read passages"],
];

/** The milliseconds of each step that was taken, with its share of the longest. */
export function tookSteps(took: SearchTook): { name: string; title: string; ms: number; share: number }[] {
  const taken = TOOK.filter(([name]) => took[name] > 0);
  const longest = Math.max(...taken.map(([name]) => took[name]));
  return taken.map(([name, title]) => ({ name, title, ms: took[name], share: took[name] / longest }));
}
