import { createStore } from "../lib/store";
import { ApiError, failure, request } from "./client";
import { session, signOut } from "./session";
import type { FileObject, VectorStoreFile } from "./types";

/** A file on its way into a vector store. */
export interface Upload {
  id: string;
  storeId: string;
  name: string;
  bytes: number;
  sent: number;
  startedAt: number | null;
  state: "waiting" | "sending" | "attaching" | "done" | "failed" | "cancelled";
  error: ApiError | null;
}

const AT_ONCE = 3;

/** Uploads go on while another page is shown. */
export const uploads = createStore<Upload[]>([]);

const waiting: { id: string; file: File }[] = [];
const sending = new Map<string, XMLHttpRequest>();
let active = 0;

session.subscribe(() => {
  if (session.get().key !== null) return;
  waiting.length = 0;
  sending.forEach((http) => http.abort());
  uploads.set([]);
});

/** Queues files for a store. `attached` is called after each that has arrived. */
export function upload(storeId: string, files: File[], attached: () => void): void {
  for (const file of files) {
    const id = crypto.randomUUID();
    const { name, size: bytes } = file;
    uploads.set((now) => [
      ...now,
      { id, storeId, name, bytes, sent: 0, startedAt: null, state: "waiting", error: null },
    ]);
    waiting.push({ id, file });
  }
  while (active < AT_ONCE && waiting.length > 0) void work(attached);
}

export function cancelUpload(id: string): void {
  const at = waiting.findIndex((item) => item.id === id);
  if (at >= 0) waiting.splice(at, 1);
  sending.get(id)?.abort();
  change(id, { state: "cancelled" });
}

/** Takes settled uploads off the list. */
export function clearUploads(storeId: string): void {
  const settled = (item: Upload) => item.state === "done" || item.state === "failed" || item.state === "cancelled";
  uploads.set((now) => now.filter((item) => item.storeId !== storeId || !settled(item)));
}

async function work(attached: () => void): Promise<void> {
  active += 1;
  for (let next = waiting.shift(); next; next = waiting.shift()) {
    const { id, file } = next;
    try {
      await one(id, file);
      attached();
    } catch (cause) {
      if (find(id)?.state === "cancelled") continue;
      const error = cause instanceof ApiError ? cause : new ApiError(String(cause), 0);
      change(id, { state: "failed", error });
    }
  }
  active -= 1;
}

async function one(id: string, file: File): Promise<void> {
  change(id, { state: "sending", startedAt: Date.now() });
  const form = new FormData();
  form.append("purpose", "assistants");
  form.append("file", file);
  const sent = await send<FileObject>(id, "/v1/files", form);
  const storeId = find(id)?.storeId ?? "";
  change(id, { state: "attaching", sent: file.size });
  const path = `/v1/vector_stores/${encodeURIComponent(storeId)}/files`;
  await request<VectorStoreFile>(path, { method: "POST", body: { file_id: sent.id } });
  change(id, { state: "done" });
}

/** Posts a form with progress, which `fetch` cannot tell. */
function send<T>(id: string, path: string, form: FormData): Promise<T> {
  return new Promise((resolve, reject) => {
    const http = new XMLHttpRequest();
    sending.set(id, http);
    http.open("POST", path);
    http.setRequestHeader("authorization", `Bearer ${session.get().key ?? ""}`);
    http.upload.onprogress = (event) => change(id, { sent: event.loaded });
    http.onloadend = () => sending.delete(id);
    http.onabort = () => reject(new ApiError("The upload was cancelled.", 0));
    http.onerror = () => reject(new ApiError(`${location.host} did not answer.`, 0));
    http.onload = () => {
      if (http.status >= 200 && http.status < 300) return resolve(JSON.parse(http.responseText) as T);
      if (http.status === 401) signOut("The key is no longer accepted. Sign in again.");
      return reject(failure(http.status, http.responseText, http.getResponseHeader("x-request-id")));
    };
    http.send(form);
  });
}

function find(id: string): Upload | undefined {
  return uploads.get().find((item) => item.id === id);
}

function change(id: string, part: Partial<Upload>): void {
  uploads.set((now) => now.map((item) => (item.id === id ? { ...item, ...part } : item)));
}
