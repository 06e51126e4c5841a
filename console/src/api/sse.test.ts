import { expect, test } from "vitest";
import { EventParser, events, type ServerEvent } from "./sse";

const stream = 'event: a\ndata: {"n":1}\n\n: comment\nid: 7\ndata: two\r\ndata: lines\r\n\r\ndata:tight\r\rdata\n\n';
const expected: ServerEvent[] = [
  { event: "a", data: '{"n":1}' },
  { event: "message", data: "two\nlines" },
  { event: "message", data: "tight" },
  { event: "message", data: "" },
];

test("events are read whole", () => {
  expect(new EventParser().push(stream)).toEqual(expected);
});

test("events are the same however the stream is cut", () => {
  for (let size = 1; size <= stream.length; size += 1) {
    const parser = new EventParser();
    const read: ServerEvent[] = [];
    for (let at = 0; at < stream.length; at += size) read.push(...parser.push(stream.slice(at, at + size)));
    expect(read, `pieces of ${size}`).toEqual(expected);
  }
});

test("a byte order mark is skipped and an unfinished event is dropped", () => {
  expect(new EventParser().push("\uFEFFdata: x\n\ndata: cut off\n")).toEqual([{ event: "message", data: "x" }]);
});

test("characters cut in the middle of their bytes arrive whole", async () => {
  const bytes = new TextEncoder().encode("data: 🪨 über\n\n");
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      for (const byte of bytes) controller.enqueue(new Uint8Array([byte]));
      controller.close();
    },
  });
  const read: ServerEvent[] = [];
  for await (const event of events(body)) read.push(event);
  expect(read).toEqual([{ event: "message", data: "🪨 über" }]);
});
