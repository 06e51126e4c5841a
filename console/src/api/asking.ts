import { createStore } from "../lib/store";
import { advance, begin, end, fail, type Exchange } from "./answers";
import { ApiError, call } from "./client";
import { session } from "./session";
import { events } from "./sse";
import type { ResponseEvent } from "./types";

const NAME = "cairn.asked";
/** How many questions a tab remembers. */
const KEPT = 40;

/** The questions of this tab, newest first. They go on while another page is shown. */
export const asked = createStore<Exchange[]>(remembered());

const running = new Map<string, AbortController>();

/**
 * Asks a question of one store; answers the exchange's id at once. With `before` it goes on from
 * that answer, and what was said until then is read with it.
 */
export function ask(question: string, store: Exchange["store"], before: Exchange | null = null): string {
  const id = crypto.randomUUID();
  asked.set((now) => [begin(id, question, store, Date.now(), before?.question ?? null), ...now].slice(0, KEPT));
  const abort = new AbortController();
  running.set(id, abort);
  void follow(id, question, store.id, before?.response?.id, abort.signal).finally(() => {
    running.delete(id);
    remember();
  });
  return id;
}

/** Stops an answer; the server stops with it. */
export function stop(id: string): void {
  change(id, (exchange) => end(exchange, "stopped", Date.now()));
  running.get(id)?.abort();
}

// Whoever signs in next must not see what was asked before.
session.subscribe(() => {
  if (session.get().key !== null) return;
  running.forEach((abort) => abort.abort());
  asked.set([]);
});

async function follow(
  id: string,
  question: string,
  storeId: string,
  previous: string | undefined,
  signal: AbortSignal,
): Promise<void> {
  try {
    const body = {
      model: "cairn",
      input: question,
      stream: true,
      tools: [{ type: "file_search", vector_store_ids: [storeId], cairn: { explain: true } }],
      include: ["file_search_call.results"],
      previous_response_id: previous,
    };
    const reply = await call("/v1/responses", { method: "POST", body, signal });
    const requestId = reply.headers.get("x-request-id");
    if (!reply.body) throw new ApiError("The server sent no answer.", reply.status, null, requestId);
    for await (const { data } of events(reply.body)) {
      if (data === "[DONE]") break;
      const event = JSON.parse(data) as ResponseEvent;
      change(id, (exchange) => advance(exchange, event, Date.now()));
    }
    change(id, (exchange) => (exchange.state === "running" ? cutOff(exchange, requestId) : withRequest(exchange, requestId)));
  } catch (cause) {
    if (signal.aborted) return;
    change(id, (exchange) => failed(exchange, cause));
  }
}

function cutOff(exchange: Exchange, requestId: string | null): Exchange {
  const ended = fail(exchange, "The connection ended before the answer was complete.", 0, Date.now());
  return withRequest(ended, requestId);
}

function withRequest(exchange: Exchange, requestId: string | null): Exchange {
  return exchange.problem ? { ...exchange, problem: { ...exchange.problem, requestId } } : exchange;
}

function failed(exchange: Exchange, cause: unknown): Exchange {
  if (!(cause instanceof ApiError)) return fail(exchange, "The connection broke off.", 0, Date.now());
  return withRequest(fail(exchange, cause.message, cause.status, Date.now()), cause.requestId);
}

function change(id: string, step: (exchange: Exchange) => Exchange): void {
  asked.set((now) => now.map((exchange) => (exchange.id === id ? step(exchange) : exchange)));
}

function remember(): void {
  try {
    const finished = asked.get().filter((exchange) => exchange.state !== "running");
    if (finished.length > 0) sessionStorage.setItem(NAME, JSON.stringify(finished));
  } catch {
    // The browser's storage is full: the questions stay until the tab is reloaded.
  }
}

function remembered(): Exchange[] {
  try {
    return JSON.parse(sessionStorage.getItem(NAME) ?? "[]") as Exchange[];
  } catch {
    return [];
  }
}
