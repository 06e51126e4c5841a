import { expect, test } from "vitest";
import type { PromptUsed, Replay, ReplayPassage } from "../api/types";
import { changeWords, fateWords, promptPieces, replayWords, retrievalFacts, samplingFacts, suspicionWords } from "./provenance";

const PASSAGE: ReplayPassage = {
  state: "same",
  reason: null,
  replaced_by: null,
  chunk_id: "c1",
  file_id: "file-1",
  filename: "a.md",
  char_start: 0,
  char_end: 9,
  then: { rank: 1, score: 0.5, dense: null, bm25: null },
  now: { rank: 1, score: 0.5, dense: null, bm25: null },
};

const same = <T>(value: T) => ({ then: value, now: value, same: true });

const REPLAY: Replay = {
  object: "response.replay",
  response_id: "resp_1",
  same: true,
  passages: [PASSAGE],
  index_position: same(3),
  program: same("1"),
  embedding_model: same({ name: "e", identity: "a" }),
  reranking_model: same(null),
  language_model: same(null),
  prompt_template: same(null),
  missing_stores: [],
  answer: null,
};

test("a replay that changes nothing says so", () => {
  expect(replayWords(REPLAY)).toBe("Nothing has changed: 1 passage the same.");
  expect(changeWords(REPLAY)).toEqual([]);
});

test("what moved, went and came is counted, and what differs is told then and now", () => {
  const gone: ReplayPassage = { ...PASSAGE, state: "gone", reason: "deleted", now: null };
  const changed: Replay = {
    ...REPLAY,
    same: false,
    passages: [{ ...PASSAGE, state: "moved" }, gone, { ...PASSAGE, state: "new", then: null }, PASSAGE, PASSAGE],
    index_position: { then: 3, now: 5, same: false },
    language_model: { then: { name: "m", identity: "0123456789abcdef" }, now: null, same: false },
    missing_stores: ["vs_1"],
  };
  expect(replayWords(changed)).toBe("Something has changed: 2 passages the same, 1 moved, 1 gone, 1 new.");
  expect(changeWords(changed)).toEqual([
    "Position of the index: 3 then, 5 now.",
    "Model that writes: m (0123456789ab) then, none now.",
    "The store vs_1 is not there any more.",
  ]);
  expect(fateWords(gone)).toBe("no. 1 with 0.500; the file was deleted");
  expect(fateWords(PASSAGE)).toBe("no. 1 with 0.500");
  const now = { rank: 2, score: 0.4, dense: null, bm25: null };
  expect(fateWords({ ...PASSAGE, state: "moved", now })).toBe("no. 1 with 0.500, now no. 2 with 0.400");
});

test("a prompt is cut by bytes where the words of documents stand", () => {
  const content = "Frage: größer? «[1] Straße» Ende";
  const start = new TextEncoder().encode("Frage: größer? «").length;
  const end = start + new TextEncoder().encode("[1] Straße").length;
  const prompt: PromptUsed = {
    messages: [
      { role: "system", content: "Be brief." },
      { role: "user", content },
    ],
    sha256: "a",
    template_sha256: null,
    instructions: null,
    sources: [
      { number: 1, file_id: "file-1", start, end },
      { number: 2, file_id: "file-2", start: end + 1, end: 10_000 },
    ],
  };
  expect(promptPieces(prompt)).toEqual([
    { text: "Frage: größer? «", number: null },
    { text: "[1] Straße", number: 1 },
    { text: "» Ende", number: null },
  ]);
});

test("searches and sampling are told without what is off", () => {
  const retrieval = {
    question: "Why?",
    queries: ["Why?"],
    stores: ["vs_1"],
    limit: 10,
    filter: null,
    score_threshold: 0,
    dense_weight: null,
    ranker: "late_interaction",
    diversity: 0,
    expand: false,
  };
  expect(retrievalFacts(retrieval)).toEqual([
    ["Searched for", "“Why?”"],
    ["Passages at most", "10"],
    ["Reranker asked for", "late interaction"],
    ["Shares", "the stores’ own"],
  ]);
  const off = { top_p: 1, top_k: 0, repetition_penalty: 1, frequency_penalty: 0, presence_penalty: 0 };
  expect(samplingFacts({ temperature: 0, seed: 4_000_000_000, ...off, max_tokens: 300 })).toEqual([
    ["Temperature", "0"],
    ["Seed", "4000000000"],
    ["Tokens at most", "300"],
  ]);
});

test("what looks like an order is told with what was done about it", () => {
  expect(suspicionWords({ score: 0.97, share: 0.1, signals: ["hidden_text", "unheard_of"], removed: 2 })).toBe(
    "has hidden text, unheard_of; score 97 %; 2 sentences kept from the model",
  );
});
