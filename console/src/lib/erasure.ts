import type { Certificate, Erasure, Purged, Verification } from "../api/types";
import { bytes, count, counted } from "./format";

/** Deletes, certificates and the upkeep of the data in words. */

export const KINDS: Record<Erasure["kind"], string> = {
  file: "file",
  vector_store: "store",
  tenant: "tenant",
};

const REASONS: Record<Erasure["reason"], string> = {
  requested: "somebody deleted it",
  expired: "its own time was over",
  removed: "gone at its source",
  replaced: "a newer version took its place",
  unreadable: "it could not be read",
};

export function reasonWords({ reason }: Erasure): string {
  return REASONS[reason] ?? reason;
}

/** What was destroyed and changed, by name. */
export function destroyedFacts({ destroyed }: Erasure): [string, string][] {
  const { sha256, bytes: size, removed = {}, scrubbed } = destroyed;
  const facts: [string, string][] = Object.entries(removed).map(([what, number]) => [capital(what), count(number)]);
  const changed = [
    ["Answers scrubbed", scrubbed?.responses?.length ?? 0],
    ["Conversation items scrubbed", scrubbed?.conversation_items?.length ?? 0],
  ] as const;
  for (const [what, number] of changed) if (number > 0) facts.push([what, count(number)]);
  if (size !== undefined) facts.unshift(["Size", bytes(size)]);
  if (sha256 !== undefined) facts.push(["SHA-256", sha256]);
  return facts;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** A certificate as a file that can be kept and checked. */
export function certificateFile(certificate: Certificate): string {
  return `${JSON.stringify(certificate, null, 2)}\n`;
}

/** A statement laid out to be read; what is signed is the text itself. */
export function laidOut(statement: string): string {
  try {
    return JSON.stringify(JSON.parse(statement), null, 2);
  } catch {
    return statement;
  }
}

/** What a comparison came to, in a sentence. */
export function verificationWords({ clean, missing_blobs, repaired, ...found }: Verification, repair: boolean): string {
  if (clean) return "Indexes, vectors and bytes agree with the records.";
  if (repaired) {
    return found.without_vectors.length > 0
      ? "All that differed was repaired; the documents without vectors are being read again."
      : "All that differed was repaired.";
  }
  const parts = [
    found.findings.length > 0 ? counted(found.findings.length, "index", "indexes") : null,
    found.without_vectors.length > 0 ? `vectors of ${counted(found.without_vectors.length, "document")}` : null,
    found.orphaned_blobs.length > 0 ? counted(found.orphaned_blobs.length, "stray file") : null,
    missing_blobs.length > 0 ? `${counted(missing_blobs.length, "file")} whose bytes are missing` : null,
  ].filter((part) => part !== null);
  if (repair) return `Repaired, but for ${counted(missing_blobs.length, "file")} whose bytes are missing.`;
  return `Not as the records say: ${parts.join(", ")}.`;
}

/** Whether a repair would change anything. */
export function canRepair({ findings, without_vectors, orphaned_blobs }: Verification): boolean {
  return findings.length + without_vectors.length + orphaned_blobs.length > 0;
}

/** What a purge did. */
export function purgedWords({ points, indexes, blobs, certificates }: Purged): string {
  const removed = [
    counted(points, "point"),
    counted(indexes, "index", "indexes"),
    counted(blobs, "file"),
  ];
  return `Removed: ${removed.join(", ")}. ${counted(certificates, "certificate")} signed.`;
}
