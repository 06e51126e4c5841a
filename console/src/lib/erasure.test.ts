import { expect, test } from "vitest";
import type { Erasure, Verification } from "../api/types";
import { canRepair, certificateFile, destroyedFacts, laidOut, purgedWords, reasonWords, verificationWords } from "./erasure";

const erasure: Erasure = {
  id: "era_1",
  object: "erasure",
  kind: "file",
  subject: "file-1",
  tenant: "ten_1",
  requested_by: "key_1",
  reason: "requested",
  status: "completed",
  requested_at: 1,
  completed_at: 2,
  destroyed: {
    sha256: "ab12",
    bytes: 2048,
    removed: { "chunks with vectors": 1200, blobs: 1 },
    scrubbed: { responses: ["resp_1"], conversation_items: [] },
  },
  certificate: null,
};

test("what was destroyed is told by name, and nothing that was not", () => {
  expect(destroyedFacts(erasure)).toEqual([
    ["Size", "2.0 kB"],
    ["Chunks with vectors", "1,200"],
    ["Blobs", "1"],
    ["Answers scrubbed", "1"],
    ["SHA-256", "ab12"],
  ]);
  expect(destroyedFacts({ ...erasure, destroyed: {} })).toEqual([]);
  expect(reasonWords(erasure)).toBe("somebody deleted it");
});

test("a certificate's statement stays byte for byte", () => {
  const statement = '{"id":"era_1","requested_at":1}';
  const certificate = { statement, algorithm: "ed25519", signature: "00", public_key: "11" } as const;
  expect((JSON.parse(certificateFile(certificate)) as typeof certificate).statement).toBe(statement);
  expect(laidOut(statement)).toContain('"requested_at": 1');
  expect(laidOut("{")).toBe("{");
});

const fine: Verification = {
  clean: true,
  findings: [],
  without_vectors: [],
  orphaned_blobs: [],
  missing_blobs: [],
  repaired: false,
};

test("a comparison is told in a sentence", () => {
  expect(verificationWords(fine, false)).toMatch(/agree/);
  const found = { ...fine, clean: false, findings: [{ store: "vs_1", missing: 2, orphaned: 0 }], missing_blobs: ["a"] };
  expect(verificationWords(found, false)).toBe(
    "Not as the records say: 1 index, 1 file whose bytes are missing.",
  );
  expect(verificationWords({ ...found, repaired: false }, true)).toBe(
    "Repaired, but for 1 file whose bytes are missing.",
  );
  expect(verificationWords({ ...found, missing_blobs: [], repaired: true }, true)).toMatch(/was repaired/);
  expect(canRepair(found)).toBe(true);
  expect(canRepair({ ...fine, clean: false, missing_blobs: ["a"] })).toBe(false);
});

test("a purge says what went", () => {
  expect(purgedWords({ points: 12, blobs: 1, indexes: 0, certificates: 1 })).toBe(
    "Removed: 12 points, 0 indexes, 1 file. 1 certificate signed.",
  );
});
