import type { AccessList } from "../api/types";
import { counted } from "./format";

/** Users and groups: as people write them, and what a list of them means. */

/** The names in a text, each once; commas and blanks part them. */
export function principalsOf(text: string): string[] {
  return [...new Set(text.split(/[\s,]+/).filter((name) => name !== ""))];
}

/** Names as a field shows them. */
export function principalsText(names: readonly string[]): string {
  return names.join(", ");
}

/** Who may read a file. */
export function accessWords({ access }: Pick<AccessList, "access">): string {
  if (access === null) return "everyone of the tenant";
  if (access.length === 0) return "nobody";
  return `${counted(access.length, "user or group", "users and groups")}`;
}

/** Whether questions of a key that speaks for `own` are answered from a file with this list. */
export function readsFor(own: readonly string[], access: AccessList["access"]): boolean {
  return access === null || access.some((name) => own.includes(name));
}
