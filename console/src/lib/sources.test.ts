import { expect, test } from "vitest";
import type { SourceItem, SourceProgress } from "../api/types";
import { countsWords, everyWords, itemNote, placeWords, runProgress } from "./sources";

const counts = { seen: 40, added: 3, updated: 1, unchanged: 36, deleted: 0, failed: 0, bytes: 10 };
const progress: SourceProgress = {
  phase: "reading",
  items_total: 4,
  items_done: 1,
  bytes_total: 2000,
  bytes_done: 500,
  eta_seconds: 90,
  counts,
};
const item: SourceItem = {
  id: "item_1",
  object: "source.item",
  key: "a.md",
  name: "a.md",
  state: "ready",
  file_id: "file_1",
  pending_file_id: null,
  error: null,
  attempts: 0,
  retry_at: null,
  bytes: 10,
  modified_at: null,
  updated_at: 1,
};

test("a run says how far it is and what is left", () => {
  expect(runProgress(progress)).toEqual({
    fraction: 0.25,
    label: "Taking files: 1 of 4 new or changed items",
    detail: "500 B of 2.0 kB · about 1 min 30 s left",
  });
  const listing: SourceProgress = { ...progress, phase: "listing", items_total: 0, bytes_total: 0, eta_seconds: null };
  expect(runProgress(listing)).toEqual({
    fraction: 0,
    label: "Looking what is there: 40 items seen",
    detail: null,
  });
});

test("how often is told in the largest unit that fits", () => {
  expect(everyWords(0)).toBe("on request only");
  expect(everyWords(3600)).toBe("every hour");
  expect(everyWords(900)).toBe("every 15 minutes");
  expect(everyWords(86_400 * 2)).toBe("every 2 days");
  expect(everyWords(5400)).toBe("every 90 minutes");
});

test("what a run did leaves out what it did none of", () => {
  expect(countsWords(counts)).toBe("3 new, 1 changed, 36 as before");
  expect(countsWords({ seen: 0, added: 0, updated: 0, unchanged: 0, deleted: 0, failed: 0, bytes: 0 })).toBe(
    "nothing to do",
  );
});

test("an item says what answers meanwhile", () => {
  expect(itemNote(item)).toBeNull();
  expect(itemNote({ ...item, state: "pending", file_id: null })).toBe("being read");
  expect(itemNote({ ...item, state: "failed" })).toContain("older version");
  expect(itemNote({ ...item, state: "failed", file_id: null })).toBeNull();
});

test("a place is told by whichever field names it", () => {
  const source = { config: { type: "s3", bucket: "docs" } } as unknown as Parameters<typeof placeWords>[0];
  expect(placeWords(source)).toBe("docs");
});
