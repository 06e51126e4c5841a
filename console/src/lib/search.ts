import type {
  AttributeValue,
  ComparisonType,
  Filter,
  Ranker,
  RankingShares,
  SearchBody,
} from "../api/types";

/** From the form of a search to what is sent, and to an address and back. */

export const COMPARISONS: Record<ComparisonType, string> = {
  eq: "is",
  ne: "is not",
  gt: "is greater than",
  gte: "is at least",
  lt: "is less than",
  lte: "is at most",
  in: "is one of",
  nin: "is none of",
};

export const VALUE_KINDS = { text: "text", number: "number", flag: "yes or no", day: "day in seconds" } as const;
export type ValueKind = keyof typeof VALUE_KINDS;

export const RANKERS: Record<Ranker, string> = {
  auto: "As the store ranks",
  none: "None",
  "late-interaction": "Late interaction",
  "cross-encoder": "Cross-encoder",
};

/** When a file was made, in seconds since 1970. */
export const CREATED_AT = "cairn.created_at";
/** What every file has besides its own attributes. */
export const OWN_KEYS = ["cairn.file_id", "cairn.filename", CREATED_AT];

/** One comparison as it is typed. The values of `in` and `nin` stand one on a line. */
export interface Condition {
  key: string;
  type: ComparisonType;
  kind: ValueKind;
  value: string;
}

export const NO_CONDITION: Condition = { key: "", type: "eq", kind: "text", value: "" };

/** The names of the numbers that a search may be given; an empty one is not sent. */
export const NUMBERS = ["limit", "threshold", "diversity", "dense_weight", "spread", "late"] as const;
export type NumberName = (typeof NUMBERS)[number];
const SHARES = ["dense_weight", "spread", "late"] as const;

/** All that a search can be asked for beside its query, as it is typed. */
export interface SearchOptions {
  join: "and" | "or";
  conditions: Condition[];
  ranker: Ranker;
  /** Whether the content words of the query are searched for beside it. */
  rewrite: boolean;
  /** Whether hits are widened to their sections. */
  expand: boolean;
  numbers: Record<NumberName, string>;
}

export const LIMIT = 20;
const LIMIT_MAX = 50;

export const NO_OPTIONS: SearchOptions = {
  join: "and",
  conditions: [],
  ranker: "auto",
  rewrite: false,
  expand: false,
  numbers: { limit: "", threshold: "", diversity: "", dense_weight: "", spread: "", late: "" },
};

/** Whether a comparison takes a list of values. */
export const isListed = (type: ComparisonType) => type === "in" || type === "nin";

/** What is wrong with the options, by the name of the field. */
export function optionFaults({ conditions, numbers }: SearchOptions): Record<string, string> {
  const faults: Record<string, string> = {};
  conditions.forEach((condition, at) => {
    if (condition.key.trim() === "") faults[`key.${at}`] = "Name the attribute.";
    const values = typed(condition);
    if (values.some((value) => value === null)) faults[`value.${at}`] = VALUE_FAULTS[condition.kind];
    else if (values.length === 0) faults[`value.${at}`] = "Give at least one value, one on a line.";
  });
  for (const name of NUMBERS) {
    const text = numbers[name].trim();
    if (text === "") continue;
    const value = Number(text);
    if (name === "limit") {
      const whole = Number.isInteger(value) && value >= 1 && value <= LIMIT_MAX;
      if (!whole) faults.limit = `A whole number from 1 to ${LIMIT_MAX} is needed.`;
    } else if (!(value >= 0 && value <= 1)) faults[name] = "A number from 0 to 1 is needed.";
  }
  return faults;
}

const VALUE_FAULTS: Record<ValueKind, string> = {
  text: "Give a text.",
  number: "A number is needed.",
  flag: "Choose yes or no.",
  day: "Choose a day.",
};

/** The values of a condition; null for one that is none of its kind. */
function typed({ type, kind, value }: Condition): (AttributeValue | null)[] {
  if (!isListed(type)) return [valueOf(kind, value)];
  const lines = value.split("\n").filter((line) => line.trim() !== "");
  return lines.map((line) => valueOf(kind, line));
}

function valueOf(kind: ValueKind, text: string): AttributeValue | null {
  switch (kind) {
    case "text":
      return text === "" ? null : text;
    case "number":
      return text.trim() === "" || !Number.isFinite(Number(text)) ? null : Number(text);
    case "flag":
      return text === "true" || text === "false" ? text === "true" : null;
    case "day": {
      // The day's first second where the reader is.
      const seconds = new Date(`${text.trim()}T00:00`).getTime() / 1000;
      return Number.isFinite(seconds) ? seconds : null;
    }
  }
}

/** OpenAI's filter of the conditions; none without them. */
export function filterOf({ join, conditions }: SearchOptions): Filter | undefined {
  const filters = conditions.map((condition): Filter => {
    const values = typed(condition).filter((value) => value !== null);
    const value = isListed(condition.type) ? values : (values[0] ?? "");
    return { type: condition.type, key: condition.key.trim(), value };
  });
  return filters.length > 1 ? { type: join, filters } : filters[0];
}

/** Whether the options give shares, which then stand in for the store's own. */
export const givesShares = ({ numbers }: SearchOptions) => SHARES.some((name) => numbers[name].trim() !== "");

/** What is sent. A share that is not given is that of `held`, the store's own ranking. */
export function searchBody(query: string, options: SearchOptions, held?: RankingShares): SearchBody {
  const { ranker, rewrite, expand, numbers } = options;
  const number = (name: NumberName) => (numbers[name].trim() === "" ? undefined : Number(numbers[name]));
  const body: SearchBody = { query, max_num_results: number("limit") ?? LIMIT, cairn: { explain: true } };
  const filter = filterOf(options);
  if (filter) body.filters = filter;
  if (rewrite) body.rewrite_query = true;
  const threshold = number("threshold");
  if (ranker !== "auto" || threshold !== undefined) {
    body.ranking_options = {};
    if (ranker !== "auto") body.ranking_options.ranker = ranker;
    if (threshold !== undefined) body.ranking_options.score_threshold = threshold;
  }
  const diversity = number("diversity");
  if (diversity !== undefined) body.cairn.diversity = diversity;
  if (expand) body.cairn.expand = "section";
  if (givesShares(options)) {
    const share = (name: (typeof SHARES)[number]) => number(name) ?? held?.[name] ?? 0;
    body.cairn.ranking = { dense_weight: share("dense_weight"), spread: share("spread"), late: share("late") };
  }
  return body;
}

/** What differs from a plain search, in words; none for a plain one. */
export function optionWords(options: SearchOptions): string[] {
  const { join, conditions, ranker, rewrite, expand, numbers } = options;
  const words = [];
  if (conditions.length === 1) words.push("1 condition");
  if (conditions.length > 1) words.push(`${join === "and" ? "all" : "any"} of ${conditions.length} conditions`);
  if (ranker !== "auto") words.push(ranker === "none" ? "no reranker" : RANKERS[ranker].toLowerCase());
  if (numbers.limit !== "") words.push(`up to ${numbers.limit}`);
  if (numbers.threshold !== "") words.push(`from a score of ${numbers.threshold}`);
  if (numbers.diversity !== "") words.push(`diversity ${numbers.diversity}`);
  if (givesShares(options)) words.push("own shares");
  if (expand) words.push("whole sections");
  if (rewrite) words.push("content words too");
  return words;
}

/** Options as an address keeps them: what differs from a plain search, nothing for a plain one. */
export function packed(options: SearchOptions): Partial<SearchOptions> | undefined {
  const names = Object.keys(NO_OPTIONS) as (keyof SearchOptions)[];
  const changed = names.filter((name) => JSON.stringify(options[name]) !== JSON.stringify(NO_OPTIONS[name]));
  if (changed.length === 0) return undefined;
  return Object.fromEntries(changed.map((name) => [name, options[name]]));
}

/** Options out of an address, which anybody may have written: what is none of ours is left out. */
export function unpacked(value: unknown): SearchOptions {
  if (!isRecord(value)) return NO_OPTIONS;
  const numbers = isRecord(value.numbers) ? value.numbers : {};
  const text = (name: NumberName) => [name, textOf(numbers[name])];
  return {
    join: value.join === "or" ? "or" : "and",
    conditions: Array.isArray(value.conditions) ? value.conditions.filter(isRecord).map(condition) : [],
    ranker: keyOf(RANKERS, value.ranker, "auto"),
    rewrite: value.rewrite === true,
    expand: value.expand === true,
    numbers: Object.fromEntries(NUMBERS.map(text)) as SearchOptions["numbers"],
  };
}

function condition(value: Record<string, unknown>): Condition {
  return {
    key: textOf(value.key),
    type: keyOf(COMPARISONS, value.type, "eq"),
    kind: keyOf(VALUE_KINDS, value.kind, "text"),
    value: textOf(value.value),
  };
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === "object" && value !== null;

const textOf = (value: unknown) => (typeof value === "string" || typeof value === "number" ? String(value) : "");

function keyOf<T extends string>(table: Record<T, string>, value: unknown, otherwise: T): T {
  return typeof value === "string" && Object.hasOwn(table, value) ? (value as T) : otherwise;
}
