import { expect, test } from "vitest";
import { endOf, endText, GRACES, keyState, oldSecretWorks } from "./keys";

test("a key is valid until its end, and revoked for good", () => {
  const open = { expires_at: null, revoked_at: null };
  expect(keyState(open, 5_000)).toBe("valid");
  expect(keyState({ ...open, expires_at: 6 }, 5_999)).toBe("valid");
  expect(keyState({ ...open, expires_at: 6 }, 6_000)).toBe("expired");
  expect(keyState({ expires_at: 6, revoked_at: 1 }, 5_000)).toBe("revoked");
});

test("an old secret works until its time is over", () => {
  expect(oldSecretWorks({ previous_secret_until: null }, 5_000)).toBe(false);
  expect(oldSecretWorks({ previous_secret_until: 6 }, 5_999)).toBe(true);
  expect(oldSecretWorks({ previous_secret_until: 6 }, 6_000)).toBe(false);
});

test("an end survives its field to the minute, and an empty field is never", () => {
  const minute = 1_900_000_020;
  expect(endText(minute)).toMatch(/^2030-03-1[78]T\d\d:\d\d$/);
  expect(endOf(endText(minute))).toBe(minute);
  expect(endOf(endText(minute + 59))).toBe(minute);
  expect(endText(null)).toBe("");
  expect(endOf("")).toBe(null);
  expect(endOf("soon")).toBe(null);
});

test("a secret is kept for a week at most", () => {
  expect(Math.max(...GRACES.map(([seconds]) => seconds))).toBe(7 * 86_400);
  expect(GRACES[0]?.[0]).toBe(0);
});
