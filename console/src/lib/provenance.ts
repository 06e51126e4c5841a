import type {
  ModelIdentity,
  PassageUsed,
  PromptUsed,
  Provenance,
  Replay,
  ReplayPassage,
  RetrievalUsed,
  SamplingUsed,
  SourceSpan,
  Suspicious,
} from "../api/types";
import { shareWords } from "./explain";
import { count, counted, figure, percent } from "./format";

/** Provenance and replay in words. */

const SIGNALS: Record<string, string> = {
  override: "calls off earlier orders or gives the reader a part to play",
  role_marker: "has marks of chat templates",
  tool_call: "calls tools",
  hidden_text: "has hidden text",
  wording: "is worded like an order to a model",
};

/** What in a passage looks like an instruction to the model. */
export function suspicionWords({ signals, score, removed }: Suspicious): string {
  const found = signals.map((signal) => SIGNALS[signal] ?? signal).join(", ") || "looks like an order to a model";
  const kept = removed === 0 ? "nothing of it was kept from the model" : `${counted(removed, "sentence")} kept from the model`;
  return `${found}; score ${percent(score)}; ${kept}`;
}

/** A search as it was asked for, in name and value. */
export function retrievalFacts(retrieval: RetrievalUsed): [string, string][] {
  const { queries, limit, score_threshold, dense_weight, ranking, ranker, diversity, expand } = retrieval;
  const facts: [string, string][] = [
    ["Searched for", queries.map((query) => `“${query}”`).join(", ")],
    ["Passages at most", count(limit)],
    ["Reranker asked for", ranker?.replaceAll("_", " ") ?? "auto"],
    ["Shares", sharesUsed(dense_weight, ranking)],
  ];
  if (score_threshold > 0) facts.push(["Least score", figure(score_threshold)]);
  if (diversity) facts.push(["Diversity", figure(diversity)]);
  if (expand) facts.push(["Widened to", "sections"]);
  return facts;
}

function sharesUsed(denseWeight: number | null, ranking: RetrievalUsed["ranking"]): string {
  if (ranking) return `${shareWords(ranking)}, by the request`;
  return denseWeight === null ? "the stores’ own" : `${percent(denseWeight)} meaning, by the request`;
}

/** How tokens were chosen, in name and value; what is off is left out. */
export function samplingFacts(sampling: SamplingUsed): [string, string][] {
  const facts: [string, string][] = [
    ["Temperature", figure(sampling.temperature)],
    ["Seed", sampling.seed === null ? "none" : String(sampling.seed)],
  ];
  if (sampling.top_p < 1) facts.push(["Top p", figure(sampling.top_p)]);
  if (sampling.top_k > 0) facts.push(["Top k", count(sampling.top_k)]);
  if (sampling.repetition_penalty !== 1) facts.push(["Repetition penalty", figure(sampling.repetition_penalty)]);
  if (sampling.frequency_penalty !== 0) facts.push(["Frequency penalty", figure(sampling.frequency_penalty)]);
  if (sampling.presence_penalty !== 0) facts.push(["Presence penalty", figure(sampling.presence_penalty)]);
  if (sampling.max_tokens !== null) facts.push(["Tokens at most", count(sampling.max_tokens)]);
  return facts;
}

/** The columns of the passages' figures, with the value that each shows. */
export const PASSAGE_COLUMNS: [string, (passage: PassageUsed) => number | null | undefined][] = [
  ["Relative score", ({ score }) => score],
  ["Cosine", ({ dense }) => dense],
  ["BM25", ({ bm25 }) => bm25],
  ["Fused", ({ fused }) => fused],
  ["Neighbours", ({ spread }) => spread],
  ["First stage", ({ first_stage }) => first_stage],
  ["Reranked", ({ late }) => late],
  ["Coverage", ({ coverage }) => coverage],
];

/** A stretch of a prompt; `number` is that of the document whose words it has. */
export interface PromptPiece {
  text: string;
  number: number | null;
}

/** The last turn of a prompt, cut where the words of documents begin and end. */
export function promptPieces(prompt: PromptUsed): PromptPiece[] {
  const bytes = new TextEncoder().encode(prompt.messages.at(-1)?.content ?? "");
  const text = (from: number, to: number) => new TextDecoder().decode(bytes.subarray(from, to));
  const pieces: PromptPiece[] = [];
  let at = 0;
  const plain = (to: number) => {
    if (to > at) pieces.push({ text: text(at, to), number: null });
  };
  for (const { number, start, end } of inOrder(prompt.sources)) {
    if (start < at || end > bytes.length) continue;
    plain(start);
    pieces.push({ text: text(start, end), number });
    at = end;
  }
  plain(bytes.length);
  return pieces;
}

const inOrder = (sources: SourceSpan[]) => [...sources].sort((a, b) => a.start - b.start);

const REASONS: Record<string, string> = {
  deleted: "the file was deleted",
  replaced: "the file was replaced by one with the same bytes",
  access: "this key may not read it any more",
  detached: "it is in none of the searched stores any more",
  reindexed: "its file was read anew and cut otherwise",
  filtered: "its attributes do not pass the filter any more",
  outranked: "others are better now",
};

/** Where a passage of a replay stood and stands, and why it is gone. */
export function fateWords({ reason, then, now }: ReplayPassage): string {
  const at = (place: ReplayPassage["now"]) => (place ? `no. ${place.rank} with ${place.score.toFixed(3)}` : "");
  const moved = then && now && at(then) !== at(now);
  const places = moved ? `${at(then)}, now ${at(now)}` : at(now ?? then);
  return [places, reason === null ? "" : (REASONS[reason] ?? reason)].filter((part) => part !== "").join("; ");
}

/** The sum of a replay: "3 passages the same, 1 moved, 1 gone". */
export function replayWords({ passages, same }: Replay): string {
  const states = ["same", "moved", "gone", "new"] as const;
  const counts = states.map((state) => [state, passages.filter((one) => one.state === state).length] as const);
  const [first, ...others] = counts.filter(([, number]) => number > 0);
  const words = first ? [`${counted(first[1], "passage")} ${named(first[0])}`] : ["no passages"];
  words.push(...others.map(([state, number]) => `${count(number)} ${named(state)}`));
  return `${same ? "Nothing has changed" : "Something has changed"}: ${words.join(", ")}.`;
}

const named = (state: ReplayPassage["state"]) => (state === "same" ? "the same" : state);

/** What differs around the passages, each as a sentence. */
export function changeWords(replay: Replay): string[] {
  const words: string[] = [];
  const say = <T>(what: string, change: { then: T; now: T; same: boolean }, text: (value: T) => string) => {
    if (!change.same) words.push(`${what}: ${text(change.then)} then, ${text(change.now)} now.`);
  };
  say("Program", replay.program, (version) => version || "none");
  say("Position of the index", replay.index_position, count);
  say("Embedding model", replay.embedding_model, modelWords);
  say("Reranker", replay.reranking_model, modelWords);
  say("Model that writes", replay.language_model, modelWords);
  say("The program’s own words in the prompt", replay.prompt_template, (hash) => hash?.slice(0, 12) ?? "none");
  words.push(...replay.missing_stores.map((store) => `The store ${store} is not there any more.`));
  words.push(...(replay.notes ?? []));
  return words;
}

function modelWords(model: ModelIdentity | null): string {
  return model ? `${model.name} (${model.identity.slice(0, 12)})` : "none";
}

/** The models that had a part in an answer, with what each did. */
export function modelsUsed({ language, embedding, reranker }: Provenance): { part: string; model: ModelIdentity }[] {
  const parts = [
    { part: "Wrote", model: language },
    { part: "Embedded", model: embedding },
    { part: "Reranked", model: reranker ?? null },
  ];
  return parts.filter((one): one is { part: string; model: ModelIdentity } => one.model !== null);
}
