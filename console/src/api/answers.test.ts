import { expect, test } from "vitest";
import { advance, begin, end, type Exchange } from "./answers";
import type { Annotation, AnswerPart, OutputItem, ResponseEvent, ResponseObject } from "./types";

const annotation: Annotation = { type: "file_citation", index: 5, file_id: "f", filename: "f.md" };
const search = {
  id: "fs_1",
  type: "file_search_call" as const,
  status: "completed",
  queries: ["why"],
  results: [{ file_id: "f", filename: "f.md", score: 0.9, text: "Because." }],
};
const response: ResponseObject = {
  id: "resp_1",
  object: "response",
  created_at: 1,
  model: "cairn",
  status: "completed",
  output: [
    search,
    {
      id: "msg_1",
      type: "message",
      role: "assistant",
      status: "completed",
      content: [{ type: "output_text", text: "Final words.", annotations: [annotation] }],
    },
  ],
};

function play(events: [number, ResponseEvent][]): Exchange {
  const start = begin("1", "why?", { id: "vs", name: "s" }, 0);
  return events.reduce((exchange, [now, event]) => advance(exchange, event, now), start);
}

test("steps follow one another and keep their times", () => {
  const exchange = play([
    [10, { type: "response.file_search_call.searching" }],
    [40, { type: "response.file_search_call.completed" }],
    [41, { type: "response.output_item.done", item: search }],
    [300, { type: "response.output_text.delta", delta: "Final" }],
    [350, { type: "response.output_text.delta", delta: " wor" }],
  ]);
  expect(exchange.text).toBe("Final wor");
  expect(exchange.queries).toEqual(["why"]);
  expect(exchange.passages).toHaveLength(1);
  expect(exchange.steps).toEqual({
    searching: { from: 0, to: 40 },
    reading: { from: 40, to: 300 },
    writing: { from: 300, to: null },
  });
  const done = advance(exchange, { type: "response.completed", response }, 500);
  expect(done).toMatchObject({ state: "done", text: "Final words.", annotations: [annotation] });
  expect(done.steps.writing).toEqual({ from: 300, to: 500 });
});

test("annotations gather while the answer streams", () => {
  const exchange = play([
    [1, { type: "response.output_text.delta", delta: "Words" }],
    [2, { type: "response.output_text.annotation.added", annotation }],
  ]);
  expect(exchange.annotations).toEqual([annotation]);
  expect(exchange.steps.searching?.to).toBe(1);
});

test("a failure says the server's words and ends the steps", () => {
  const exchange = play([[5, { type: "error", error: { message: "Engine stopped.", code: "unavailable" } }]]);
  expect(exchange).toMatchObject({ state: "failed", problem: { message: "Engine stopped.", status: 500 } });
  expect(exchange.steps.searching?.to).toBe(5);
});

test("a refusal is kept apart from an answer, as it streams and when it is whole", () => {
  const refusing = play([
    [5, { type: "response.refusal.delta", delta: "I cannot" }],
    [6, { type: "response.refusal.delta", delta: " help" }],
  ]);
  expect(refusing).toMatchObject({ refusal: "I cannot help", text: "" });
  expect(refusing.steps.writing).toEqual({ from: 5, to: null });
  const content: AnswerPart[] = [{ type: "refusal", refusal: "I cannot help." }];
  const message = { id: "msg_1", type: "message" as const, role: "assistant" as const, status: "completed", content };
  const whole: ResponseObject = { ...response, output: [search, message] };
  const done = advance(refusing, { type: "response.completed", response: whole }, 9);
  expect(done).toMatchObject({ state: "done", text: "", refusal: "I cannot help.", annotations: [] });
});

test("items, parts and events of other kinds are passed over", () => {
  const call: OutputItem = {
    id: "fc_1",
    type: "function_call",
    call_id: "call_1",
    name: "weather",
    arguments: "{}",
    status: "completed",
  };
  const strange = [
    { type: "response.function_call_arguments.delta", delta: "{" },
    { type: "response.output_item.done", item: { id: "x_1", type: "x_of_tomorrow" } },
    { type: "response.content_part.added", part: { type: "reasoning_text", text: "Hm" } },
  ] as unknown as ResponseEvent[];
  const seen = play([
    [1, { type: "response.output_item.done", item: call }],
    ...strange.map((event, at): [number, ResponseEvent] => [at + 2, event]),
  ]);
  expect(seen).toEqual(play([]));

  const [searched, message] = response.output;
  const odd = { id: "msg_0", type: "message", content: [{ type: "reasoning_text", text: "Hm" }] };
  const output = [searched, call, { id: "x_1", type: "x_of_tomorrow" }, odd, message] as unknown as OutputItem[];
  const done = advance(seen, { type: "response.completed", response: { ...response, output } }, 9);
  expect(done).toMatchObject({ state: "done", text: "Final words.", annotations: [annotation] });
  expect(done.refusal).toBeUndefined();
});

test("stopping keeps what was written, and a finished answer cannot be stopped", () => {
  const stopped = end(play([[5, { type: "response.output_text.delta", delta: "Half" }]]), "stopped", 9);
  expect(stopped).toMatchObject({ state: "stopped", text: "Half" });
  const done = play([[5, { type: "response.completed", response }]]);
  expect(end(done, "stopped", 9)).toBe(done);
});
