import { createStore } from "../lib/store";

/** The key this browser speaks with, and why it was last taken away. */
export interface Session {
  key: string | null;
  notice: string | null;
}

const NAME = "cairn.key";

function stored(): string | null {
  return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
}

export const session = createStore<Session>({ key: stored(), notice: null });

/** Keeps a key that the server has accepted: for this tab, or (`remember`) for this browser. */
export function signIn(key: string, remember: boolean): void {
  (remember ? localStorage : sessionStorage).setItem(NAME, key);
  session.set({ key, notice: null });
}

/** Forgets the key and everything this tab remembers of its work. */
export function signOut(notice: string | null = null): void {
  localStorage.removeItem(NAME);
  sessionStorage.clear();
  session.set({ key: null, notice });
}
