import { expect, test } from "vitest";
import { accessWords, principalsOf, principalsText, readsFor } from "./principals";

test("names are parted by commas and blanks, each once", () => {
  expect(principalsOf(" user:ada,group:board\nuser:ada  group:x ")).toEqual(["user:ada", "group:board", "group:x"]);
  expect(principalsOf(" , ")).toEqual([]);
  expect(principalsText(["user:ada", "group:x"])).toBe("user:ada, group:x");
});

test("a list without names is for nobody, and none is for everyone", () => {
  expect(accessWords({ access: null })).toBe("everyone of the tenant");
  expect(accessWords({ access: [] })).toBe("nobody");
  expect(accessWords({ access: ["user:ada"] })).toBe("1 user or group");
  expect(accessWords({ access: ["user:ada", "group:x"] })).toBe("2 users and groups");
});

test("a key reads what is open, or what one of its names is on", () => {
  expect(readsFor([], null)).toBe(true);
  expect(readsFor([], ["user:ada"])).toBe(false);
  expect(readsFor(["user:ada"], ["group:x", "user:ada"])).toBe(true);
  expect(readsFor(["user:ada"], [])).toBe(false);
});
