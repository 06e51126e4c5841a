import { createStore } from "../lib/store";
import { ApiError, request } from "./client";
import { session } from "./session";
import type { Purged, Verification } from "./types";

/** A work of the server that answers when it is done, which may take minutes. */
export type Work<T> =
  | { state: "running"; startedAt: number }
  | { state: "done"; finishedAt: number; result: T }
  | { state: "failed"; error: Error };

interface Upkeep {
  verify: (Work<Verification> & { repair: boolean }) | null;
  purge: Work<Purged> | null;
}

/** The newest of each; they go on while another page is shown. */
export const upkeep = createStore<Upkeep>({ verify: null, purge: null });

session.subscribe(() => {
  if (session.get().key === null) upkeep.set({ verify: null, purge: null });
});

/** Compares indexes, vectors and bytes with the records, and repairs them if asked. */
export async function verify(repair: boolean): Promise<void> {
  await run(
    () => request<Verification>("/cairn/v1/verify", { method: "POST", body: { repair } }),
    (work) => upkeep.set((now) => ({ ...now, verify: { ...work, repair } })),
  );
}

/** Finishes what was deleted: clears its remains and signs the certificates. */
export async function purge(): Promise<void> {
  await run(
    () => request<Purged>("/cairn/v1/purge", { method: "POST" }),
    (work) => upkeep.set((now) => ({ ...now, purge: work })),
  );
}

async function run<T>(act: () => Promise<T>, tell: (work: Work<T>) => void): Promise<void> {
  const { key } = session.get();
  const told = (work: Work<T>) => {
    // What another key asked for is nobody's here any more.
    if (session.get().key === key) tell(work);
  };
  told({ state: "running", startedAt: Date.now() });
  try {
    told({ state: "done", result: await act(), finishedAt: Date.now() });
  } catch (cause) {
    told({ state: "failed", error: cause instanceof Error ? cause : new ApiError(String(cause), 0) });
  }
}
