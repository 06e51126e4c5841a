import type { Seconds } from "../types";

/** A delete; its certificate comes once the last of its bytes is gone. */
export interface Erasure {
  id: string;
  object: "erasure";
  kind: "file" | "vector_store" | "tenant";
  /** The id of what was deleted. */
  subject: string;
  /** Whose it was, by id. */
  tenant: string;
  /** The id of the key that asked for it. */
  requested_by: string;
  reason: "requested" | "expired" | "removed" | "replaced" | "unreadable";
  status: "pending" | "completed";
  requested_at: Seconds;
  completed_at: Seconds | null;
  destroyed: Destroyed;
  certificate: Certificate | null;
}

/** What a delete destroyed. */
export interface Destroyed {
  sha256?: string;
  bytes?: number;
  /** How many of each kind of record. */
  removed?: Record<string, number>;
  /** Ids of what held its words and was changed. */
  scrubbed?: { responses?: string[]; conversation_items?: string[] };
}

/** A statement that can be checked without the server. */
export interface Certificate {
  /** A JSON text; exactly its bytes were signed. */
  statement: string;
  algorithm: "ed25519";
  /** Hex, as the key. */
  signature: string;
  public_key: string;
}

/** What a comparison of indexes, vectors and bytes with the records found. */
export interface Verification {
  clean: boolean;
  /** `missing` points are in the records alone, `orphaned` ones in the index alone. */
  findings: { store: string; missing: number; orphaned: number }[];
  without_vectors: { store: string; file: string }[];
  orphaned_blobs: string[];
  /** Files whose bytes are gone, which nothing repairs. */
  missing_blobs: string[];
  repaired: boolean;
}

/** What a purge removed. */
export interface Purged {
  points: number;
  blobs: number;
  indexes: number;
  certificates: number;
}
