import type { ApiKey } from "../api/types";

/** Keys: what state they are in, and their ends as fields show them. */

export type KeyState = "valid" | "expired" | "revoked";

/** Whether a key opens anything at this moment. */
export function keyState(key: Pick<ApiKey, "expires_at" | "revoked_at">, nowMs: number): KeyState {
  if (key.revoked_at !== null) return "revoked";
  return key.expires_at !== null && key.expires_at * 1000 <= nowMs ? "expired" : "valid";
}

/** Whether the secret before the last rotation works too. */
export function oldSecretWorks(key: Pick<ApiKey, "previous_secret_until">, nowMs: number): boolean {
  return key.previous_secret_until !== null && key.previous_secret_until * 1000 > nowMs;
}

/** Unix seconds as a field of date and time has them, in local time; empty for never. */
export function endText(seconds: number | null): string {
  if (seconds === null) return "";
  const at = new Date(seconds * 1000);
  const two = (value: number) => String(value).padStart(2, "0");
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day}T${two(at.getHours())}:${two(at.getMinutes())}`;
}

/** What such a field says, in Unix seconds; null for never. */
export function endOf(text: string): number | null {
  const at = text === "" ? Number.NaN : new Date(text).getTime();
  return Number.isNaN(at) ? null : Math.floor(at / 1000);
}

/** How long an old secret may work beside the new one, in seconds, and in words. */
export const GRACES: readonly [number, string][] = [
  [0, "ends at once"],
  [3600, "works for an hour"],
  [86_400, "works for a day"],
  [604_800, "works for a week"],
];
