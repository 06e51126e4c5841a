/** How an answer came about, and what has changed since. */

import type { RankingShares } from "../types";
import type { Filter } from "./search";

/** What in a passage looks like an instruction to the model. */
export interface Suspicious {
  /** How much its worst sentence does, 0 to 1. */
  score: number;
  /** Share of the passage in such sentences, 0 to 1. */
  share: number;
  signals: string[];
  /** Sentences that were not put to the model. */
  removed: number;
}

/** A passage that an answer was made from. */
export interface AnswerPassage {
  chunk_id: string;
  file_id: string;
  suspicious: Suspicious | null;
}

/** A link that was taken out of an answer. */
export interface StrippedLink {
  kind: "link" | "image" | "html";
  /** Empty for a reference without a destination. */
  url: string;
  /** What remains of it in the text. */
  text: string;
}

/** A model: its name, and the SHA-256 of its file or provider and model. */
export interface ModelIdentity {
  name: string;
  identity: string;
}

export interface Provenance {
  program: string;
  /** 0 without a search. */
  index_position: number;
  asked_model: string;
  embedding: ModelIdentity | null;
  reranker?: ModelIdentity | null;
  /** Null for an extractive answer and for a refusal. */
  language: ModelIdentity | null;
  prompt: PromptUsed | null;
  turns_left_out?: number;
  sampling: SamplingUsed | null;
  retrieval: RetrievalUsed | null;
  decision?: { confidence: number; threshold: number } | null;
  /** Best first. */
  passages: PassageUsed[];
}

export interface PromptUsed {
  /** The turns exactly as the model got them, without the words of documents deleted since. */
  messages: { role: string; content: string; name?: string }[];
  /** Of the turns as they were, as JSON. */
  sha256: string;
  /** Of the program's own words in them. */
  template_sha256: string | null;
  instructions: string | null;
  /** Whose words stand where in the last turn, in bytes of UTF-8. */
  sources: SourceSpan[];
}

export interface SourceSpan {
  number: number;
  file_id: string;
  start: number;
  end: number;
}

export interface SamplingUsed {
  temperature: number;
  top_p: number;
  top_k: number;
  seed: number | null;
  repetition_penalty: number;
  frequency_penalty: number;
  presence_penalty: number;
  max_tokens: number | null;
}

export interface RetrievalUsed {
  question: string;
  queries: string[];
  stores: string[];
  limit: number;
  filter: Filter | null;
  score_threshold: number;
  /** Null for that of the stores' own rankings. */
  dense_weight: number | null;
  ranking?: RankingShares | null;
  ranker?: string;
  diversity?: number;
  expand?: boolean;
}

/** A passage that was found; its number is that among those the answer was made from. */
export interface PassageUsed {
  number: number | null;
  chunk_id: string;
  file_id: string;
  file_sha256: string;
  revision: number;
  char_start: number;
  char_end: number;
  score: number;
  /** The cosine. */
  dense: number | null;
  /** Not on any scale. */
  bm25: number | null;
  ranking?: RankingShares;
  fused?: number | null;
  spread?: number | null;
  first_stage?: number | null;
  late?: number | null;
  coverage?: number | null;
  suspicious: Suspicious | null;
  /** Whether the file was deleted since. */
  erased?: boolean;
}

/** Something when the answer was made and now. */
export interface Change<T> {
  then: T;
  now: T;
  same: boolean;
}

export interface Replay {
  object: "response.replay";
  response_id: string;
  same: boolean;
  /** Those of now, best first, then those that are gone. */
  passages: ReplayPassage[];
  index_position: Change<number>;
  program: Change<string>;
  embedding_model: Change<ModelIdentity | null>;
  reranking_model: Change<ModelIdentity | null>;
  language_model: Change<ModelIdentity | null>;
  prompt_template: Change<string | null>;
  missing_stores: string[];
  /** What was not compared. */
  notes?: string[];
  answer: ReplayAnswer | null;
}

export interface ReplayPassage {
  state: "same" | "moved" | "gone" | "new";
  /** Why it is gone. */
  reason: string | null;
  /** The file with the same bytes, of one that was replaced. */
  replaced_by: string | null;
  chunk_id: string;
  file_id: string;
  /** Of a passage that is found. */
  filename: string | null;
  char_start: number;
  char_end: number;
  then: ReplayPlace | null;
  now: ReplayPlace | null;
}

export interface ReplayPlace {
  /** From 1. */
  rank: number;
  score: number;
  dense: number | null;
  bm25: number | null;
}

export interface ReplayAnswer {
  then: string;
  now: string;
  equal: boolean;
  /** Whether the question is refused now. */
  refused: boolean;
}
