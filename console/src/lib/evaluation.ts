import type { Difference, Evaluation, EvaluationConfiguration, EvaluationResult, Estimate } from "../api/types";
import { chunkingWords } from "./indexing";

/** Runs over question sets: in words, side by side, and over time. */

/** The figures in the order of reports; every one is 0 to 1, and more is better. */
export const FIGURES: [string, string][] = [
  ["recall_at_1", "Recall@1"],
  ["recall_at_5", "Recall@5"],
  ["recall_at_10", "Recall@10"],
  ["ndcg_at_10", "nDCG@10"],
  ["mrr", "MRR"],
  ["hit_rate", "Hit rate"],
  ["recall_in_2000_tokens", "Recall in 2,000 tokens"],
  ["faithfulness", "Faithfulness"],
  ["citation_correctness", "Citation correctness"],
  ["exact_match", "Exact match"],
  ["token_f1", "Token F1"],
  ["contains_answer", "Contains answer"],
  ["refusal_precision", "Refusal precision"],
  ["refusal_recall", "Refusal recall"],
  ["refusal_f1", "Refusal F1"],
];

export const MAIN_FIGURE = "ndcg_at_10";

export function figureName(figure: string): string {
  return FIGURES.find(([name]) => name === figure)?.[1] ?? figure;
}

export function isUnderWay({ status }: Evaluation): boolean {
  return status === "queued" || status === "running";
}

/** A difference with its sign, "+0.031". */
export function signed(value: number): string {
  const text = Math.abs(value).toFixed(3);
  return Number(text) === 0 ? text : `${value < 0 ? "−" : "+"}${text}`;
}

/** Whether a difference is surely one: better, worse, or within what chance makes. */
export function verdict({ low, high }: Difference): "better" | "worse" | "chance" {
  if (low > 0) return "better";
  return high < 0 ? "worse" : "chance";
}

/** What sets a configuration apart from the store as it is. */
export function settingsWords(settings: EvaluationConfiguration): string {
  const { ranking, dense_weight, reranker, limit, rewrite, answers, model, chunking, embedding_model } = settings;
  const parts = [];
  if (ranking) parts.push(`meaning ${ranking.dense_weight}, neighbours ${ranking.spread}, reranker ${ranking.late}`);
  else if (dense_weight !== null) parts.push(`meaning ${dense_weight}`);
  else parts.push("the store’s ranking");
  if (reranker) parts.push(`reranked by ${reranker}`);
  if (chunking) parts.push(`cut ${chunkingWords(chunking)}`);
  if (embedding_model) parts.push(`embedded by ${embedding_model}`);
  parts.push(`${limit} passages`);
  if (rewrite) parts.push("with the content words");
  if (answers) parts.push(`answered by ${model}`);
  return parts.join("; ");
}

/** One run of a history: its figure by configuration. */
export interface HistoryPoint {
  id: string;
  at: number;
  worse: boolean;
  figures: Map<string, Estimate>;
}

/** The runs over a question set that have a figure, oldest first. */
export function history(runs: Evaluation[], questionSet: string, figure: string): HistoryPoint[] {
  return runs
    .filter((run) => run.question_set === questionSet && run.result)
    .map((run) => ({
      id: run.id,
      at: run.created_at,
      worse: run.worse === true,
      figures: new Map(
        (run.result?.configurations ?? []).flatMap(({ name, figures }) =>
          figures[figure] ? [[name, figures[figure]] as const] : [],
        ),
      ),
    }))
    .filter(({ figures }) => figures.size > 0)
    .sort((a, b) => a.at - b.at);
}

/** A question with what each configuration made of it. */
export interface Compared {
  id: string;
  question: string | null;
  answerable: boolean;
  by: Map<string, EvaluationResult>;
}

/** Results by question, so that configurations stand side by side. */
export function compared(results: EvaluationResult[]): Compared[] {
  const questions = new Map<string, Compared>();
  for (const result of results) {
    const { question_id: id, question, outcome } = result;
    const held = questions.get(id) ?? { id, question, answerable: outcome.answerable, by: new Map() };
    held.by.set(result.configuration, result);
    questions.set(id, held);
  }
  return [...questions.values()];
}

/** Where on the vertical axis of a plot from 0 to 1 a value stands, from the top. */
export function height(value: number, top: number, bottom: number): number {
  return bottom - Math.max(0, Math.min(1, value)) * (bottom - top);
}
