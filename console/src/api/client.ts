import { session, signOut } from "./session";
import type { ErrorBody, List } from "./types";

/** A call that failed: what happened, and the id under which the server logged it. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  /** HTTP status; 0 when no answer came. */
  readonly status: number;
  readonly code: string | null;
  readonly requestId: string | null;
  /** The field of the request that is at fault, where one is. */
  readonly param: string | null;

  constructor(
    message: string,
    status: number,
    code: string | null = null,
    requestId: string | null = null,
    param: string | null = null,
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.requestId = requestId;
    this.param = param;
  }
}

export interface Call {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  /** Sent as JSON, unless it is a form. */
  body?: object;
  signal?: AbortSignal;
  /** A key to try instead of the session's; its refusal does not end the session. */
  key?: string;
}

/** Calls the API and answers the reply, or throws an `ApiError`. */
export async function call(path: string, { method = "GET", body, signal, key }: Call = {}): Promise<Response> {
  const headers = new Headers({ authorization: `Bearer ${key ?? session.get().key ?? ""}` });
  const form = body instanceof FormData;
  if (body && !form) headers.set("content-type", "application/json");
  const init: RequestInit = { method, headers, body: form ? body : body && JSON.stringify(body) };
  if (signal) init.signal = signal;
  const reply = await fetch(path, init).catch((cause: unknown) => {
    if (cause instanceof DOMException && cause.name === "AbortError") throw cause;
    throw new ApiError(`${location.host} did not answer.`, 0);
  });
  if (reply.ok) return reply;
  const error = failure(reply.status, await reply.text(), reply.headers.get("x-request-id"));
  if (error.status === 401 && key === undefined) signOut(`The key ${refusal(error)}. Sign in again.`);
  throw error;
}

/** Why a key that was accepted is refused now. */
function refusal({ code }: ApiError): string {
  return code === "key_expired" ? "has expired" : "is no longer accepted";
}

/** Calls the API and answers the JSON it replies with. */
export async function request<T>(path: string, options?: Call): Promise<T> {
  const reply = await call(path, options);
  return (await reply.json()) as T;
}

/** The error a failed reply tells of; replies of other programs on the way are named by status. */
export function failure(status: number, text: string, requestId: string | null): ApiError {
  try {
    const { error } = JSON.parse(text) as ErrorBody;
    if (error?.message) return new ApiError(error.message, status, error.code ?? null, requestId, error.param ?? null);
  } catch {
    // Not the server's own words: say what is known.
  }
  return new ApiError(`The server answered with status ${status}.`, status, null, requestId);
}

/** A list read to its end, or to `atMost` items; `complete` says which. */
export interface Listed<T> {
  items: T[];
  complete: boolean;
}

/** Reads a cursor-paged list. */
export async function listAll<T extends { id: string }>(
  path: string,
  { limit = 100, atMost = 2000, signal }: { limit?: number; atMost?: number; signal?: AbortSignal } = {},
): Promise<Listed<T>> {
  const items: T[] = [];
  const join = path.includes("?") ? "&" : "?";
  let after = "";
  for (;;) {
    const page = await request<List<T>>(`${path}${join}limit=${limit}${after}`, { signal });
    items.push(...page.data);
    const last = page.data.at(-1);
    if (!page.has_more || !last) return { items, complete: true };
    if (items.length >= atMost) return { items, complete: false };
    after = `&after=${encodeURIComponent(last.id)}`;
  }
}

/** A path segment: names may hold any character. */
export const segment = encodeURIComponent;
