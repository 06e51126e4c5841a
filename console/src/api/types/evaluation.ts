import type { Chunking, RankingShares, Seconds } from "../types";
import type { RunStatus } from "./tables";

// Evaluation -----------------------------------------------------------------------------------

export interface QuestionSet {
  id: string;
  object: "question_set";
  store: string;
  name: string;
  status: "ready" | "generating" | "failed";
  progress: { stage: string; fraction: number };
  error: string | null;
  /** How its questions were generated; null for one's own. */
  generated: Record<string, unknown> | null;
  questions: {
    total: number;
    answerable: number;
    unanswerable: number;
    user: number;
    extractive: number;
    model: number;
  };
  created_at: Seconds;
}

/** A way to answer questions, as a run measured it. */
export interface EvaluationConfiguration {
  name: string;
  dense_weight: number | null;
  ranking: RankingShares | null;
  reranker: string | null;
  limit: number;
  rewrite: boolean;
  answers: boolean;
  model: string;
  chunking?: Chunking | null;
  embedding_model?: string | null;
}

export interface Evaluation {
  id: string;
  object: "evaluation";
  status: RunStatus;
  store: string;
  question_set: string;
  plan: { configurations: EvaluationConfiguration[]; tune: boolean; tune_reranker: boolean; seed: number };
  progress: { stage: string; fraction: number };
  error: string | null;
  /** Whether it was worse than the run before it over the same questions; null without one. */
  worse: boolean | null;
  created_at: Seconds;
  finished_at: Seconds | null;
  result: EvaluationReport | null;
}

export interface EvaluationReport {
  questions: {
    total: number;
    answerable: number;
    unanswerable: number;
    /** Left out: none of the files they name is in the store. */
    unjudged: number;
    origins: Record<string, number>;
  };
  seed: number;
  resamples: number;
  configurations: ConfigurationReport[];
  tuning: EvaluationTuning | null;
  change: { configuration: string; applied: boolean; reason: string; questions: number } | null;
  regression: EvaluationRegression | null;
  notes: string[];
}

export interface ConfigurationReport {
  name: string;
  settings: EvaluationConfiguration;
  figures: Record<string, Estimate>;
  /** Milliseconds. */
  search_ms: Spread | null;
  answers: AnswerCost | null;
  /** To the first configuration; null for that one. */
  differences: Record<string, Difference> | null;
}

/** A figure with its 95 % interval. */
export interface Estimate {
  value: number;
  low: number;
  high: number;
  questions: number;
}

/** On the same questions; above 0 is better. */
export interface Difference extends Estimate {
  p_value: number | null;
}

export interface Spread {
  p50: number;
  p99: number;
  mean: number;
}

export interface AnswerCost {
  asked: number;
  refused: number;
  generative: number;
  seconds: Spread;
  input_tokens: number;
  output_tokens: number;
  /** Of all of them, in the currency of the configured prices; null where some have no price. */
  cost?: number | null;
  /** How many have none. */
  unpriced?: number;
  /** What this machine spent on those that it made itself, which cost 0. */
  compute_seconds?: number;
}

export interface EvaluationTuning {
  applied: boolean;
  /** Why nothing was learned. */
  refused: string | null;
  questions: number;
  ranking: RankingShares | null;
  threshold: {
    applied: boolean;
    refused: string | null;
    answerable: number;
    unanswerable: number;
    threshold: number | null;
  } | null;
}

export interface EvaluationRegression {
  /** The run before. */
  against: string;
  worse: boolean;
  /** What fell; `certain` where chance is ruled out. */
  changes: { configuration: string; figure: string; difference: Difference; certain: boolean }[];
}

/** What one configuration made of one question. */
export interface EvaluationResult {
  id: string;
  object: "evaluation_result";
  configuration: string;
  question_id: string;
  /** Null when it was deleted since. */
  question: string | null;
  outcome: {
    answerable: boolean;
    figures: Record<string, number>;
    search_ms: number;
    found: { file_id: string; chunk_id: string; score: number; relevant: boolean }[];
    answer: { refused: boolean; mode: string; seconds: number } | null;
  };
  /** `refused` says why. */
  answer: { text: string; refused: string | null } | null;
}
