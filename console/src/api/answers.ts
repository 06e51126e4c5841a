import type {
  Annotation,
  AnswerMessage,
  AnswerPart,
  FileSearchCall,
  Passage,
  ResponseEvent,
  ResponseObject,
} from "./types";

const UNSAID = "The server gives no reason.";
/** A failure told inside the stream: its HTTP status was sent long before. */
const SERVER_FAILED = 500;

export const STEPS = ["searching", "reading", "writing"] as const;
export type Step = (typeof STEPS)[number];

/** When a step began and ended, in milliseconds of this browser's clock. */
export interface Span {
  from: number;
  to: number | null;
}

/** A question and all that is known of its answer so far. */
export interface Exchange {
  id: string;
  question: string;
  store: { id: string; name: string };
  /** The question whose answer it goes on from; null where it stands on its own. */
  follows: string | null;
  askedAt: number;
  state: "running" | "done" | "stopped" | "failed";
  steps: Partial<Record<Step, Span>>;
  queries: string[];
  passages: Passage[];
  text: string;
  /** What is said in place of an answer, or of the rest of one; absent where nothing is refused. */
  refusal?: string;
  annotations: Annotation[];
  response: ResponseObject | null;
  problem: { message: string; status: number; requestId: string | null } | null;
}

export function begin(
  id: string,
  question: string,
  store: Exchange["store"],
  now: number,
  follows: string | null = null,
): Exchange {
  return {
    id,
    question,
    store,
    follows,
    askedAt: now,
    state: "running",
    steps: { searching: { from: now, to: null } },
    queries: [],
    passages: [],
    text: "",
    annotations: [],
    response: null,
    problem: null,
  };
}

/** The exchange after one streamed event. Events that say nothing new leave it as it was. */
export function advance(exchange: Exchange, event: ResponseEvent, now: number): Exchange {
  switch (event.type) {
    case "response.file_search_call.completed":
      return enter(exchange, "reading", now);
    case "response.output_item.done":
      return event.item.type === "file_search_call"
        ? enter(withSearch(exchange, event.item), "reading", now)
        : exchange;
    case "response.output_text.delta":
      return { ...enter(exchange, "writing", now), text: exchange.text + event.delta };
    case "response.output_text.done":
      return { ...exchange, text: event.text };
    case "response.output_text.annotation.added":
      return { ...exchange, annotations: [...exchange.annotations, event.annotation] };
    case "response.refusal.delta":
      return { ...enter(exchange, "writing", now), refusal: (exchange.refusal ?? "") + event.delta };
    case "response.refusal.done":
      return { ...exchange, refusal: event.refusal };
    case "response.completed":
    case "response.incomplete":
      return settle(exchange, event.response, now);
    case "response.failed":
      return fail(exchange, event.response.error?.message ?? UNSAID, SERVER_FAILED, now);
    case "error":
      return fail(exchange, event.error?.message ?? event.message ?? UNSAID, SERVER_FAILED, now);
    default:
      return exchange;
  }
}

/** Ends a running exchange early: the person stopped it, or it failed. */
export function end(exchange: Exchange, state: "stopped" | "failed", now: number): Exchange {
  return exchange.state === "running" ? { ...exchange, state, steps: closed(exchange.steps, now) } : exchange;
}

/** Ends an exchange with what went wrong; `status` as of HTTP, 0 when no answer came. */
export function fail(exchange: Exchange, message: string, status: number, now: number): Exchange {
  const problem = { message, status, requestId: null };
  return { ...end(exchange, "failed", now), problem };
}

function withSearch(exchange: Exchange, item: FileSearchCall): Exchange {
  return {
    ...exchange,
    queries: item.queries ?? exchange.queries,
    passages: item.results ?? exchange.passages,
  };
}

/**
 * The finished response is the truth; what was streamed before gives way to it. Items and parts of
 * other kinds than it knows are passed over.
 */
function settle(exchange: Exchange, response: ResponseObject, now: number): Exchange {
  const searched = response.output
    .filter((item): item is FileSearchCall => item.type === "file_search_call")
    .reduce(withSearch, exchange);
  const parts = response.output
    .filter((item): item is AnswerMessage => item.type === "message")
    .flatMap((message) => message.content);
  const words = parts.find(isText);
  const refusal = parts.find(isRefusal)?.refusal;
  return {
    ...searched,
    state: "done",
    steps: closed(exchange.steps, now),
    text: words?.text ?? (refusal === undefined ? exchange.text : ""),
    refusal,
    annotations: words?.annotations ?? exchange.annotations,
    response,
  };
}

function isText(part: AnswerPart): part is Extract<AnswerPart, { type: "output_text" }> {
  return part.type === "output_text";
}

function isRefusal(part: AnswerPart): part is Extract<AnswerPart, { type: "refusal" }> {
  return part.type === "refusal";
}

/** Begins a step, ending the ones before it. A step that has begun is not begun again. */
function enter(exchange: Exchange, step: Step, now: number): Exchange {
  const later = STEPS.slice(STEPS.indexOf(step));
  if (later.some((name) => exchange.steps[name])) return exchange;
  return { ...exchange, steps: { ...closed(exchange.steps, now), [step]: { from: now, to: null } } };
}

function closed(steps: Exchange["steps"], now: number): Exchange["steps"] {
  const entries = Object.entries(steps).map(([name, span]) => [name, { from: span.from, to: span.to ?? now }]);
  return Object.fromEntries(entries) as Exchange["steps"];
}
