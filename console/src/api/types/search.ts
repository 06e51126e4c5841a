/** A search over a store: what it is asked for, and what each of its steps took. */

import type { Attributes, RankingShares } from "../types";

/** What an attribute is compared with. Types are kept apart: "5" is not 5. */
export type AttributeValue = Attributes[string];

export type ComparisonType = "eq" | "ne" | "gt" | "gte" | "lt" | "lte" | "in" | "nin";

/** OpenAI's filter on the attributes of files. */
export type Filter =
  | { type: ComparisonType; key: string; value: AttributeValue | AttributeValue[] }
  | { type: "and" | "or"; filters: Filter[] };

/** Which reranker reads the best passages again. */
export type Ranker = "auto" | "none" | "late-interaction" | "cross-encoder";

/** The body of a search; what is left out is as the server and the store have it. */
export interface SearchBody {
  query: string;
  filters?: Filter;
  max_num_results: number;
  ranking_options?: { ranker?: Ranker; score_threshold?: number };
  rewrite_query?: true;
  cairn: {
    explain: true;
    diversity?: number;
    expand?: "section";
    ranking?: RankingShares;
  };
}

/** Milliseconds of each step of a search, over all stores and wordings. */
export interface SearchTook {
  embed_ms: number;
  dense_ms: number;
  bm25_ms: number;
  lookup_ms: number;
  vectors_ms: number;
  rank_ms: number;
  rerank_ms: number;
  records_ms: number;
  /** All of it, with waiting for threads. */
  total_ms: number;
}

/** A hit within a section. */
export interface SectionHit {
  chunk_id: string;
  page: number | null;
  char_start: number;
  char_end: number;
  score: number;
}
