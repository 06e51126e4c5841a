import type { CreateSource, Source, UpdateSource } from "../api/types";
import { count } from "./format";
import { SOURCE_FIELDS, SOURCE_KINDS, type SourceField, type SourceKind } from "./sourceFields";

/** From the form of a source to what is sent, and back from a source that is there. */

/** What the fields of a kind hold, by name; a field that is absent is empty. */
export type Texts = Record<string, string>;

/** What is wrong, by the name of the field. */
export type Faults = Record<string, string>;

/** A kind whose fields are known here; a newer server may have others. */
export function sourceKind(type: string): SourceKind | undefined {
  return SOURCE_KINDS.find((kind) => kind === type);
}

export const INTERVAL_UNITS = ["minutes", "hours", "days", "seconds", "request"] as const;
export type IntervalUnit = (typeof INTERVAL_UNITS)[number];

/** How often a source is looked at, as it is typed; the number says nothing for `request`. */
export interface Interval {
  number: string;
  unit: IntervalUnit;
}

const UNIT_SECONDS: Record<IntervalUnit, number> = {
  minutes: 60,
  hours: 3600,
  days: 86_400,
  seconds: 1,
  request: 0,
};

/** Seconds between runs in the largest unit that fits; 0 is on request only. */
export function intervalOf(seconds: number): Interval {
  if (seconds === 0) return { number: "1", unit: "request" };
  const units = ["days", "hours", "minutes"] as const;
  const unit = units.find((unit) => seconds % UNIT_SECONDS[unit] === 0) ?? "seconds";
  return { number: String(seconds / UNIT_SECONDS[unit]), unit };
}

export function intervalSeconds({ number, unit }: Interval): number {
  return unit === "request" ? 0 : Number(number) * UNIT_SECONDS[unit];
}

/** All that the form of a source holds. */
export interface SourceWish {
  kind: SourceKind;
  texts: Texts;
  /** Secrets that shall not be kept. */
  forgotten: readonly string[];
  name: string;
  /** The id of the vector store; empty while none is chosen. */
  store: string;
  /** Who may read its documents, separated by commas; empty for everyone of the tenant. */
  readers: string;
  interval: Interval;
}

/** Where the fields start for a source that is there. Its secrets are not among them. */
export function textsOf(kind: SourceKind, config: Record<string, unknown>): Texts {
  const texts: Texts = {};
  for (const { name, input } of SOURCE_FIELDS[kind]) {
    const value = config[name];
    if (input === "secret" || value === null || value === undefined) continue;
    texts[name] = Array.isArray(value) ? value.join("\n") : String(value);
  }
  return texts;
}

/** The secrets that are kept for a source. */
export function secretsOf(kind: SourceKind, config: Record<string, unknown>): string[] {
  const secrets = SOURCE_FIELDS[kind].filter(({ input }) => input === "secret");
  return secrets.map(({ name }) => name).filter((name) => typeof config[name] === "string");
}

/**
 * The configuration that the fields make. What is empty is left out, which is the server's default,
 * or for a secret the one that is kept. `before` is the one it takes the place of: what of it has no
 * field here stays.
 */
export function sourceConfig(
  { kind, texts, forgotten }: Pick<SourceWish, "kind" | "texts" | "forgotten">,
  before: Record<string, unknown> = {},
): Record<string, unknown> {
  const fields = SOURCE_FIELDS[kind];
  const others = Object.entries(before).filter(([name]) => !fields.some((field) => field.name === name));
  const config: Record<string, unknown> = { ...Object.fromEntries(others), type: kind };
  for (const field of fields) {
    const value = fieldValue(field, texts[field.name] ?? "");
    if (value !== undefined) config[field.name] = value;
    else if (field.input === "secret" && forgotten.includes(field.name)) config[field.name] = null;
  }
  return config;
}

function fieldValue({ input }: SourceField, text: string): string | number | boolean | string[] | undefined {
  const plain = text.trim();
  switch (input) {
    case "secret":
      return text === "" ? undefined : text;
    case "check":
      return plain === "true" ? true : undefined;
    case "either":
      return plain === "" ? undefined : plain === "true";
    case "number":
      return plain === "" ? undefined : Number(plain);
    case "lines": {
      const lines = text.split("\n").map((line) => line.trim()).filter((line) => line !== "");
      return lines.length === 0 ? undefined : lines;
    }
    default:
      return plain === "" ? undefined : plain;
  }
}

const NEEDED = "This is needed.";

/** What can be told to be wrong without asking the server; `kept` are the secrets that it has. */
export function sourceFaults(wish: SourceWish, kept: readonly string[] = []): Faults {
  const faults: Faults = {};
  for (const field of SOURCE_FIELDS[wish.kind]) {
    const text = (wish.texts[field.name] ?? "").trim();
    if (field.required && text === "" && !kept.includes(field.name)) faults[field.name] = NEEDED;
    if (field.input === "number" && text !== "" && !isWhole(text, field.min, field.max)) {
      faults[field.name] = `Write a whole number from ${count(field.min)} to ${count(field.max)}.`;
    }
  }
  const { number, unit } = wish.interval;
  if (unit !== "request" && !isWhole(number.trim(), 1, Number.MAX_SAFE_INTEGER)) {
    faults.every_seconds = "Write a whole number from 1.";
  }
  if (wish.store === "") faults.vector_store_id = "Choose the store that its documents go into.";
  return faults;
}

function isWhole(text: string, min: number, max: number): boolean {
  return /^\d{1,15}$/.test(text) && Number(text) >= min && Number(text) <= max;
}

/** A refusal of the server at the field it names; empty where it names none of the form. */
export function refusalFault(kind: SourceKind, param: string | null, message: string): Faults {
  const names = ["name", "vector_store_id", "every_seconds", "attributes"];
  const all = [...names, ...SOURCE_FIELDS[kind].map(({ name }) => name)];
  const name = all.find((name) => param === name || param === `config.${name}`);
  return name === undefined ? {} : { [name]: message };
}

/** The request that makes a source. */
export function newSource(wish: SourceWish): CreateSource {
  const body: CreateSource = {
    vector_store_id: wish.store,
    config: sourceConfig(wish),
    every_seconds: intervalSeconds(wish.interval),
  };
  if (wish.name.trim() !== "") body.name = wish.name.trim();
  if (wish.readers.trim() !== "") body.attributes = { "cairn.access": wish.readers.trim() };
  return body;
}

/** What the form changes of a source; null where it changes nothing. */
export function sourceChange(source: Source, wish: SourceWish): UpdateSource | null {
  const change: UpdateSource = {};
  if (wish.name.trim() !== source.name) change.name = wish.name.trim();
  const seconds = intervalSeconds(wish.interval);
  if (seconds !== source.every_seconds) change.every_seconds = seconds;
  const { kind } = wish;
  const config = sourceConfig(wish, source.config);
  const now = sourceConfig({ kind, texts: textsOf(kind, source.config), forgotten: [] }, source.config);
  if (JSON.stringify(config) !== JSON.stringify(now)) change.config = config;
  return Object.keys(change).length === 0 ? null : change;
}
