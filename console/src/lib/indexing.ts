import type {
  Chunking,
  IndexGeneration,
  RankingShares,
  ReindexReport,
  ReindexRun,
  SetRanking,
  StartReindex,
  StoreRanking,
  StoreThreshold,
} from "../api/types";
import { count, counted, duration, percent } from "./format";

/** How a store is searched and cut: in words, and from form fields to what is sent. */

export type Setting = keyof RankingShares | "threshold";

/** Fields that somebody has edited, as their texts. */
export type Edits = Partial<Record<Setting, string>>;

/** What the edited fields change; null where they change nothing. */
export function rankingChange({ ranking, threshold }: StoreRanking, edits: Edits): SetRanking | null {
  const wanted = (name: Setting, now: number) => {
    const text = edits[name];
    return text === undefined ? now : text.trim() === "" ? Number.NaN : Number(text);
  };
  const shares: RankingShares = {
    dense_weight: wanted("dense_weight", ranking.dense_weight),
    spread: wanted("spread", ranking.spread),
    late: wanted("late", ranking.late),
  };
  const confidence = wanted("threshold", threshold.value);
  const change: SetRanking = {};
  // A share that is left out would be the default's, so all of them go together.
  const names = ["dense_weight", "spread", "late"] as const;
  if (names.some((name) => shares[name] !== ranking[name])) change.ranking = shares;
  if (confidence !== threshold.value) change.threshold = confidence;
  return change.ranking === undefined && change.threshold === undefined ? null : change;
}

/** How a store came by its ranking. */
export function rankingOrigin({ choice, queries, quality }: StoreRanking): string {
  const judged = counted(queries, "judged question");
  switch (choice) {
    case "learned":
      return `learned from ${judged}`;
    case "dense":
      return `meaning alone: with words beside it, it did worse on ${judged}`;
    case "words":
      return `words alone: with meaning beside them, they did worse on ${judged}`;
    case "given":
      return "set by hand";
    case "default":
      return quality === null ? "the program’s own" : `the program’s own: ${judged} showed nothing better`;
  }
}

/** How a store came by its threshold. */
export function thresholdOrigin({ choice, quality }: StoreThreshold): string {
  switch (choice) {
    case "learned":
      return "learned from judged questions";
    case "given":
      return "set by hand";
    case "default":
      return quality === null ? "the program’s own" : "the program’s own: what was learned is not surely better";
  }
}

export type ChunkingType = Chunking["type"];

export const CHUNKING_NAMES: Record<ChunkingType, string> = {
  auto: "In chunks of a size, as by default",
  static: "In chunks of a size",
  structure: "By sections",
  parent_child: "Small chunks to find, large ones to read",
};

const DEFAULTS: Record<ChunkingType, Chunking> = {
  auto: { type: "auto" },
  static: { type: "static", max_tokens: 800, overlap_tokens: 400 },
  structure: { type: "structure", max_tokens: 400, heading_context: true },
  parent_child: { type: "parent_child", child_tokens: 128, parent_tokens: 800, heading_context: true },
};

/** Where the fields of a way of cutting start: as the store has them, else the server's defaults. */
export function startingPoint(type: ChunkingType, now: Chunking): Chunking {
  return now.type === type ? now : DEFAULTS[type];
}

/** One size of a way of cutting, in tokens, with the server's bounds. */
export interface Size {
  name: string;
  label: string;
  value: number;
  min: number;
  max: number;
}

export function sizes(chunking: Chunking): Size[] {
  switch (chunking.type) {
    case "auto":
      return [];
    case "static":
      return [
        { name: "max_tokens", label: "Tokens of a chunk", value: chunking.max_tokens, min: 100, max: 4096 },
        {
          name: "overlap_tokens",
          label: "Tokens shared with the chunk before",
          value: chunking.overlap_tokens,
          min: 0,
          max: Math.floor((chunking.max_tokens || 4096) / 2),
        },
      ];
    case "structure":
      return [{ name: "max_tokens", label: "Most tokens of a chunk", value: chunking.max_tokens, min: 50, max: 4096 }];
    case "parent_child":
      return [
        { name: "child_tokens", label: "Tokens of a small chunk", value: chunking.child_tokens, min: 16, max: 1024 },
        {
          name: "parent_tokens",
          label: "Tokens of a large chunk",
          value: chunking.parent_tokens,
          min: (chunking.child_tokens || 16) + 1,
          max: 4096,
        },
      ];
  }
}

/** A way of cutting in words. */
export function chunkingWords(chunking: Chunking): string {
  const headed = "heading_context" in chunking && chunking.heading_context ? ", with the headings above" : "";
  switch (chunking.type) {
    case "auto":
      return "as by default";
    case "static":
      return `${count(chunking.max_tokens)} tokens, ${count(chunking.overlap_tokens)} shared with the chunk before`;
    case "structure":
      return `by sections, up to ${count(chunking.max_tokens)} tokens${headed}`;
    case "parent_child":
      return `${count(chunking.child_tokens)} tokens to find, ${count(chunking.parent_tokens)} to read${headed}`;
  }
}

/** The languages that the server counts words in, by ISO 639-1 code; `other` takes words as they are. */
export const LANGUAGES = [
  ...["ar", "zh", "da", "nl", "en", "fi", "fr", "de", "el", "hu", "it", "ja", "ko"],
  ...["no", "pt", "ro", "ru", "es", "sv", "ta", "tr", "other"],
];

const languageNames = new Intl.DisplayNames(["en"], { type: "language" });

export function languageName(code: string): string {
  if (code === "other") return "words as they are";
  try {
    return languageNames.of(code) ?? code;
  } catch {
    return code;
  }
}

/** A generation's language in words; `present` is the store's, where the generation has none. */
export function languageWords({ language, language_named }: IndexGeneration, present: string | null = null): string {
  const code = language ?? present;
  if (code === null) return "told from the first texts";
  return `${languageName(code)}, ${language_named ? "named" : "told from the texts"}`;
}

/** An embedding model as it is asked for. */
export function modelWords({ embedding_model, embedding_version }: IndexGeneration): string {
  return embedding_version === null ? embedding_model : `${embedding_model}@${embedding_version}`;
}

export interface ReindexFields {
  /** Empty: as now. */
  model: string;
  /** Null: as now. */
  chunking: Chunking | null;
  /** Empty: as now. */
  language: string;
  /** Whether the files' bytes are read anew, and not only their kept texts. */
  reparse: boolean;
}

/** What a re-index is asked to change; what stays is left out. */
export function reindexWish({ model, chunking, language, reparse }: ReindexFields): StartReindex {
  const wish: StartReindex = {};
  if (model.trim() !== "") wish.embedding_model = model.trim();
  if (chunking !== null) wish.chunking = chunking;
  if (language !== "") wish.language = language;
  if (reparse) wish.reparse = true;
  return wish;
}

/** How far a re-index is. */
export function reindexProgress({ files_done, files_total }: ReindexRun): string {
  if (files_done === null || files_total === null) return "Re-indexing";
  return `Re-indexing: ${count(files_done)} of ${counted(files_total, "file")} done`;
}

/** What a re-index still takes; null where that cannot be told. */
export function reindexLeft({ seconds_left }: ReindexRun): string | null {
  return seconds_left === null ? null : `about ${duration(seconds_left * 1000)} left`;
}

/** How a finished re-index compares with what it took the place of. */
export function reportWords(report: ReindexReport): string {
  const { files, chunks_before, chunks_after, searches, recall_at_10 } = report;
  const words = [`${counted(files, "file")}, ${counted(chunks_before, "chunk")} before and ${count(chunks_after)} now.`];
  if (recall_at_10 !== null) {
    const tried = counted(searches, "sampled search", "sampled searches");
    words.push(`Of the first ten hits of ${tried}, ${percent(recall_at_10)} are found again.`);
  }
  if (report.texts_changed !== undefined) {
    words.push(`Read again: ${counted(report.texts_changed, "text")} changed.`);
  }
  if (report.files_unread) {
    words.push(`${counted(report.files_unread, "file")} could not be read any more and kept the text there was.`);
  }
  return words.join(" ");
}
