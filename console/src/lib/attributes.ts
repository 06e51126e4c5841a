import type { Attributes } from "../api/types";

/** Attributes of a file: from rows of a form to what is sent. */

export type AttributeKind = "text" | "number" | "boolean";

export const ATTRIBUTE_KINDS: Record<AttributeKind, string> = {
  text: "text",
  number: "number",
  boolean: "yes or no",
};

/** One attribute as it is typed; `id` tells the rows apart while names change. */
export interface AttributeRow {
  id: number;
  name: string;
  kind: AttributeKind;
  value: string;
}

/** The most attributes of a file, and the longest name and text, in characters. */
export const ATTRIBUTES_MAX = 16;
const NAME_MAX = 64;
const TEXT_MAX = 512;

export function attributeRows(attributes: Attributes): AttributeRow[] {
  return Object.entries(attributes).map(([name, value], id) => ({
    id,
    name,
    kind: typeof value === "string" ? "text" : (typeof value as "number" | "boolean"),
    value: String(value),
  }));
}

/** A row to fill in behind others. */
export function emptyRow(rows: AttributeRow[]): AttributeRow {
  return { id: Math.max(-1, ...rows.map(({ id }) => id)) + 1, name: "", kind: "text", value: "" };
}

/** A row of another kind: what cannot stay begins anew. */
export function withKind(row: AttributeRow, kind: AttributeKind): AttributeRow {
  const kept = kind === "boolean" ? (row.value === "true" ? "true" : "false") : row.value;
  const value = kind === "number" && !isNumber(row.value) ? "" : kept;
  return { ...row, kind, value };
}

/** What is wrong with rows, by their ids. */
export type RowFaults = Record<number, { name?: string; value?: string }>;

export function rowFaults(rows: AttributeRow[]): RowFaults {
  const faults: RowFaults = {};
  for (const { id, name, kind, value } of rows) {
    const fault: RowFaults[number] = {};
    const own = name.trim();
    if (own === "") fault.name = "Name it, or remove it.";
    else if (length(own) > NAME_MAX) fault.name = `A name has at most ${NAME_MAX} characters.`;
    else if (own.startsWith("cairn.")) fault.name = "Names with “cairn.” are the program’s own.";
    else if (rows.some((other) => other.id < id && other.name.trim() === own)) {
      fault.name = "This name is there already.";
    }
    if (kind === "number" && !isNumber(value)) fault.value = "Write a number, with a point for decimals.";
    if (kind === "text" && length(value) > TEXT_MAX) fault.value = `A text has at most ${TEXT_MAX} characters.`;
    if (fault.name !== undefined || fault.value !== undefined) faults[id] = fault;
  }
  return faults;
}

/** What rows without faults say. */
export function attributesOf(rows: AttributeRow[]): Attributes {
  return Object.fromEntries(
    rows.map(({ name, kind, value }) => {
      const typed = { text: value, number: Number(value), boolean: value === "true" }[kind];
      return [name.trim(), typed];
    }),
  );
}

function isNumber(text: string): boolean {
  return text.trim() !== "" && Number.isFinite(Number(text));
}

const length = (text: string) => [...text].length;
