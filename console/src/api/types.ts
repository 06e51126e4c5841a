/**
 * The wire types the console speaks: OpenAI's objects where they exist, Cairn's own under
 * `/cairn/v1`. Mirrors the server's OpenAPI document; nothing else in the console declares them.
 */

import type { AnswerPassage, StrippedLink } from "./types/provenance";
import type { SearchTook, SectionHit } from "./types/search";

export type * from "./types/erasure";
export type * from "./types/evaluation";
export type * from "./types/provenance";
export type * from "./types/search";
export type * from "./types/tables";

/** Unix time in seconds. */
export type Seconds = number;

export interface List<T> {
  object: "list";
  data: T[];
  first_id?: string | null;
  last_id?: string | null;
  has_more?: boolean;
}

export interface ErrorBody {
  error: { message: string; type?: string | null; param?: string | null; code?: string | null };
}

/** Viewers read, ask and predict; editors also change; admins also make keys. */
export type Role = "viewer" | "editor" | "admin";

export interface WhoAmI {
  tenant: string;
  role: Role;
  key_id: string;
  /** The users and groups that the key speaks for. */
  principals: string[];
  version: string;
}

// Operating ------------------------------------------------------------------------------------

export interface Engine {
  name: string;
  kind: "llm" | "embedding" | "tabular";
  runtime: string;
  state: EngineState;
  reason: string | null;
  memory_bytes: number | null;
  sha256: string;
}

export type EngineState = "ready" | "loading" | "unloaded" | "failed";

export interface Status {
  version: string;
  uptime_seconds: number;
  ready: boolean;
  answers: AnswerMode;
  chat_model: string | null;
  embedding_model: string;
  jobs: { queued: number; running: number; failed: number };
  engines: Engine[];
}

export interface ApiKey {
  id: string;
  tenant: string;
  role: Role;
  name: string;
  /** The users and groups it speaks for, such as `user:ada`. */
  principals: string[];
  created_at: Seconds;
  /** When it ends by itself. */
  expires_at: Seconds | null;
  last_used_at: Seconds | null;
  /** Until when the secret before its last rotation works. */
  previous_secret_until: Seconds | null;
  revoked_at: Seconds | null;
}

/** The only replies that carry the secret itself: to a key that was made or rotated. */
export interface NewApiKey extends ApiKey {
  key: string;
}

// Files and vector stores ----------------------------------------------------------------------

export interface FileObject {
  id: string;
  object: "file";
  bytes: number;
  created_at: Seconds;
  filename: string;
  purpose: string;
  status: string;
  /** Whether only those on its access list may read it. */
  cairn: { restricted: boolean };
}

/** What filters look at, by name. */
export type Attributes = Record<string, string | number | boolean>;

/** Who may read a file: users and groups, or null for the whole tenant. */
export interface AccessList {
  file_id: string;
  access: string[] | null;
}

export interface VectorStore {
  id: string;
  object: "vector_store";
  created_at: Seconds;
  name: string;
  usage_bytes: number;
  status: "in_progress" | "completed" | "expired";
  file_counts: {
    in_progress: number;
    completed: number;
    failed: number;
    cancelled: number;
    total: number;
  };
  last_active_at?: Seconds | null;
  cairn?: {
    embedding_model: string;
    /** What its words are counted in: an ISO 639-1 code or `other`; null before there are any. */
    language: string | null;
  };
}

export interface VectorStoreFile {
  id: string;
  object: "vector_store.file";
  created_at: Seconds;
  usage_bytes: number;
  vector_store_id: string;
  status: "in_progress" | "completed" | "failed" | "cancelled";
  last_error: { code: "unsupported_file" | "invalid_file" | "server_error"; message: string } | null;
  attributes: Attributes;
  /**
   * `notes` say what was guessed or left out when it was read; `waiting` says why its reading is put off, until
   * `retry_at`.
   */
  cairn: {
    filename: string;
    chunking: Chunking;
    notes: string[];
    waiting: string | null;
    retry_at: Seconds | null;
  };
}

export interface SearchHit {
  file_id: string;
  filename: string;
  score: number;
  attributes?: Attributes;
  content: { type: "text"; text: string }[];
  cairn?: {
    chunk_id: string;
    page: number | null;
    heading: string | null;
    char_start: number;
    char_end: number;
    dense: number | null;
    bm25: number | null;
    /** The hits in it, best first, where it was widened to its section. */
    hits?: SectionHit[];
    explain?: HitExplain;
  };
}

/** How a hit came to its score, `final` times `strength`, where that was asked for; all are 0 to 1. */
export interface HitExplain {
  /** Which wording it counts with, from 0. */
  query: number;
  ranking: RankingShares;
  dense_place: number | null;
  bm25_place: number | null;
  dense: number;
  bm25: number;
  fused: number;
  spread: number | null;
  /** Where several stores were asked: how the best of this one stands beside what all have. */
  standing?: number;
  first_stage: number;
  late: number | null;
  coverage: number | null;
  /** Relative to what else was found: it orders hits. */
  final: number;
  /** How strongly the best hits bear on the query at all; absent from answers of older versions. */
  strength?: number;
}

export interface SearchPage {
  object: "vector_store.search_results.page";
  search_query: string[];
  data: SearchHit[];
  /** Where it was asked to explain itself. */
  cairn?: { took: SearchTook };
}

/** The share of each step of a search, 0 to 1. */
export interface RankingShares {
  dense_weight: number;
  spread: number;
  late: number;
}

/** How a store puts hits in order, and how sure it must be to answer. */
export interface StoreRanking {
  object: "vector_store.ranking";
  vector_store_id: string;
  ranking: RankingShares;
  choice: "learned" | "default" | "dense" | "words" | "given";
  /** Judged queries that it was chosen by. */
  queries: number;
  /** Mean nDCG@10 of the alternatives on those. */
  quality: { learned: number; default: number; dense: number; words: number } | null;
  learned_at: Seconds | null;
  threshold: StoreThreshold;
}

export interface StoreThreshold {
  /** Below this confidence the answer is that the documents do not say, 0 to 1. */
  value: number;
  choice: "learned" | "default" | "given";
  quality: ThresholdQuality | null;
  set_at: Seconds | null;
}

/** A learned threshold beside the program's own, on questions that it was not learned from. */
export interface ThresholdQuality {
  answerable: number;
  unanswerable: number;
  /** Refusal F1. */
  learned: number;
  default: number;
  /** The 95 % interval of the difference. */
  low: number;
  high: number;
  /** Share of the answerable questions that are refused. */
  refused: number;
  refused_by_default: number;
}

/** What is left out of it stays as it is. */
export interface SetRanking {
  ranking?: RankingShares;
  threshold?: number;
}

/** How files are cut; sizes in tokens. */
export type Chunking =
  | { type: "auto" }
  | { type: "static"; max_tokens: number; overlap_tokens: number }
  | { type: "structure"; max_tokens: number; heading_context: boolean }
  | { type: "parent_child"; child_tokens: number; parent_tokens: number; heading_context: boolean };

/** What makes a store's vectors, how its files are cut, and what its words are counted in. */
export interface IndexGeneration {
  /** Grows with every re-index, from 1. */
  generation: number;
  embedding_model: string;
  /** Null for the program's own model. */
  embedding_version: number | null;
  chunking: Chunking;
  /** Null where it is told from the first texts. */
  language: string | null;
  language_named: boolean;
}

/** A store's index and its newest re-index. */
export interface Reindex {
  object: "vector_store.reindex";
  vector_store_id: string;
  status: "none" | "in_progress" | "completed" | "cancelled" | "failed";
  active: IndexGeneration;
  run: ReindexRun | null;
}

export interface ReindexRun {
  generation: IndexGeneration;
  created_at: Seconds;
  finished_at: Seconds | null;
  /** Known while it is under way. */
  files_total: number | null;
  files_done: number | null;
  fraction: number;
  seconds_left: number | null;
  /** Why it is put off, until `retry_at`. */
  waiting: string | null;
  retry_at: Seconds | null;
  error: string | null;
  report: ReindexReport | null;
}

/** A finished re-index beside what it took the place of. */
export interface ReindexReport {
  files: number;
  chunks_before: number;
  chunks_after: number;
  searches: number;
  /** Share of the old first ten hits that are found again; null when nothing was found before. */
  recall_at_10: number | null;
  /** Where texts were read anew: how many are others now, and files that could not be read. */
  texts_changed?: number;
  files_unread?: number;
}

/** What a re-index shall change; what is absent stays. */
export interface StartReindex {
  embedding_model?: string;
  chunking?: Chunking;
  language?: string;
  /** Whether every file's text is read from its bytes anew. */
  reparse?: boolean;
}

/** A window of a document's extracted text; offsets count Unicode scalar values. */
export interface FileText {
  file_id: string;
  filename: string;
  text: string;
  start: number;
  end: number;
  total: number;
  pages: { page: number; start: number; end: number }[];
  headings: { level: number; title: string; start: number }[];
  notes?: string[];
}

// Sources --------------------------------------------------------------------------------------

/** Documents kept in step with the place they come from. */
export interface Source {
  id: string;
  object: "source";
  name: string;
  /** `folder`, `website` and so on. */
  type: string;
  vector_store_id: string;
  /** Secrets redacted. */
  config: Record<string, unknown>;
  /** What every document of it gets; `cairn.access` says who may read them. */
  attributes: Record<string, unknown>;
  /** Seconds between runs; 0 for runs on request only. */
  every_seconds: number;
  status: "idle" | "queued" | "syncing" | "paused" | "on_hold" | "removing";
  /** Why it is on hold, and what to do. */
  hold_reason: string | null;
  items: { total: number; ready: number; pending: number; failed: number; removed: number; bytes: number };
  /** While a run is under way. */
  progress: SourceProgress | null;
  last_run: SourceRun | null;
  next_run_at: Seconds | null;
  created_at: Seconds;
}

/** A source to make; its first run begins at once. */
export interface CreateSource {
  vector_store_id: string;
  /** What to call it; its type by default. */
  name?: string;
  /** With its `type`. */
  config: Record<string, unknown>;
  every_seconds: number;
  attributes?: Record<string, string>;
}

/** What is left out of it stays, secrets of the configuration too. */
export interface UpdateSource {
  name?: string;
  config?: Record<string, unknown>;
  every_seconds?: number;
}

export interface SourceProgress {
  phase: "listing" | "reading" | "deleting" | "finishing";
  /** New and changed items; grows while it is listing. */
  items_total: number;
  items_done: number;
  bytes_total: number;
  bytes_done: number;
  eta_seconds: number | null;
  counts: SourceCounts;
}

/** What a run did, in items; bytes of what was taken. */
export interface SourceCounts {
  seen: number;
  added: number;
  updated: number;
  unchanged: number;
  deleted: number;
  failed: number;
  bytes: number;
}

export interface SourceRun {
  started_at: Seconds | null;
  finished_at: Seconds;
  outcome: "completed" | "failed" | "held" | "paused";
  error: string | null;
  counts: SourceCounts;
}

/** What is held of a thing at a source. */
export interface SourceItem {
  id: string;
  object: "source.item";
  /** What names it at the source: a path, an address, a message's id. */
  key: string;
  name: string;
  state: "ready" | "pending" | "failed" | "removed";
  /** The file that answers, perhaps of an older version. */
  file_id: string | null;
  /** The newer version that is being read. */
  pending_file_id: string | null;
  error: string | null;
  /** Failures in a row. */
  attempts: number;
  /** When it is tried again by itself. */
  retry_at: Seconds | null;
  bytes: number | null;
  modified_at: Seconds | null;
  updated_at: Seconds;
}

// Answers --------------------------------------------------------------------------------------

export type AnswerMode = "generative" | "extractive";

/** Where a quote stands in its document (`char_*`) and what it supports in the answer. */
export interface CitationDetail {
  /** SHA-256 of the file that is quoted; absent from answers of older versions. */
  file_sha256?: string;
  quote: string;
  page: number | null;
  heading: string | null;
  char_start: number;
  char_end: number;
  chunk_id: string;
  sentence_start: number;
  sentence_end: number;
  support: number;
  supported: boolean;
  /** What speaks against it although the words are near: another number or name, a denial. */
  doubt?: string;
  /** Where its lines stand on their pages, in the text's order; absent where that is not known. */
  boxes?: PageBox[];
}

/** A line's place: fractions of the page's width and height, from its top left corner. */
export interface PageBox {
  /** From 1. */
  page: number;
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

export interface Annotation {
  type: "file_citation";
  /** Position in the answer, in Unicode scalar values. */
  index: number;
  file_id: string;
  filename: string;
  cairn?: CitationDetail;
}

/** A passage the search found: in `file_search_call.results` and in `cairn.nearest`. */
export interface Passage {
  file_id: string;
  filename: string;
  score?: number | null;
  text?: string | null;
  content?: { type: "text"; text: string }[];
  page?: number | null;
  heading?: string | null;
  char_start?: number | null;
  char_end?: number | null;
  cairn?: Partial<NonNullable<SearchHit["cairn"]>>;
}

export interface FileSearchCall {
  id: string;
  type: "file_search_call";
  status: string;
  queries?: string[];
  results?: Passage[] | null;
}

export interface AnswerMessage {
  id: string;
  type: "message";
  role: "assistant";
  status: string;
  content: AnswerPart[];
}

/** A part of a message; kinds that the console does not know are passed over. */
export type AnswerPart =
  | { type: "output_text"; text: string; annotations?: Annotation[] }
  | { type: "refusal"; refusal: string };

/** A call that the client shall make; nothing that the console asks for leads to one. */
export interface FunctionCall {
  id: string;
  type: "function_call";
  call_id: string;
  name: string;
  arguments: string;
  status: string;
}

/** An item of a response; kinds that the console does not know are passed over. */
export type OutputItem = FileSearchCall | AnswerMessage | FunctionCall;

/** A range in Unicode scalar values. */
export interface CharRange {
  start: number;
  end: number;
}

export interface AnswerDetail {
  refused: boolean;
  reason: string | null;
  mode: AnswerMode;
  milliseconds: { search: number; generate: number; total: number };
  /** How well the passages cover the question, 0 to 1. */
  confidence?: number;
  /** How sure it had to be: the threshold of the stores. */
  threshold?: number;
  /** How likely the model finds the answer in what it was shown, 0 to 1. */
  assent?: number;
  model_sha256: string | null;
  index_position: number;
  /** Turns, from the conversation's beginning, that the model had no room for; absent for none. */
  turns_left_out?: number;
  /** Sentences of the answer that no passage supports. */
  unsupported?: CharRange[];
  nearest?: Passage[];
  /** What each step of the search took, where that was asked for. */
  took?: SearchTook;
  /** The passages that it was made from, in the order of their numbers. */
  passages?: AnswerPassage[];
  stripped_links?: StrippedLink[];
  /** What of the request had no effect on the answer, and why. */
  notes?: string[];
}

export interface ResponseObject {
  id: string;
  object: "response";
  created_at: Seconds;
  model: string;
  status: string;
  output: OutputItem[];
  error?: { message: string; code?: string | null } | null;
  incomplete_details?: { reason?: string | null } | null;
  cairn?: AnswerDetail;
}

/** The events of a streamed response that the console acts on; others are ignored. */
export type ResponseEvent =
  | { type: "response.created" | "response.in_progress"; response: ResponseObject }
  | { type: "response.output_item.added" | "response.output_item.done"; item: OutputItem }
  | { type: "response.file_search_call.in_progress" }
  | { type: "response.file_search_call.searching" }
  | { type: "response.file_search_call.completed" }
  | { type: "response.output_text.delta"; delta: string }
  | { type: "response.output_text.done"; text: string }
  | { type: "response.output_text.annotation.added"; annotation: Annotation }
  | { type: "response.refusal.delta"; delta: string }
  | { type: "response.refusal.done"; refusal: string }
  | {
      type: "response.completed" | "response.incomplete" | "response.failed";
      response: ResponseObject;
    }
  | { type: "error"; message?: string; code?: string | null; error?: ErrorBody["error"] };
