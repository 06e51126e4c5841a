import { expect, test } from "vitest";
import {
  COMPARISONS,
  filterOf,
  isListed,
  NO_CONDITION,
  NO_OPTIONS,
  optionFaults,
  optionWords,
  packed,
  searchBody,
  unpacked,
  type Condition,
  type SearchOptions,
} from "./search";
import type { ComparisonType } from "../api/types";

const asking = (change: Partial<SearchOptions>): SearchOptions => ({ ...NO_OPTIONS, ...change });
const where = (...conditions: Partial<Condition>[]) =>
  asking({ conditions: conditions.map((one) => ({ ...NO_CONDITION, key: "year", ...one })) });
const numbers = (change: Partial<SearchOptions["numbers"]>) => asking({ numbers: { ...NO_OPTIONS.numbers, ...change } });

test("a plain search asks to be explained and for nothing else", () => {
  expect(searchBody("stones", NO_OPTIONS)).toEqual({ query: "stones", max_num_results: 20, cairn: { explain: true } });
  expect(optionWords(NO_OPTIONS)).toEqual([]);
  expect(packed(NO_OPTIONS)).toBeUndefined();
});

test("all comparisons of OpenAI’s filters are made, joined by and and or", () => {
  const types = Object.keys(COMPARISONS) as ComparisonType[];
  expect(types).toEqual(["eq", "ne", "gt", "gte", "lt", "lte", "in", "nin"]);
  const options = where(...types.map((type) => ({ type, kind: "number" as const, value: "7" })));
  const filters = types.map((type) => ({ type, key: "year", value: isListed(type) ? [7] : 7 }));
  expect(filterOf(options)).toEqual({ type: "and", filters });
  expect(filterOf({ ...options, join: "or" })).toEqual({ type: "or", filters });
});

test("one condition stands alone, and none is no filter", () => {
  expect(filterOf(where({ key: " kind ", value: "memo" }))).toEqual({ type: "eq", key: "kind", value: "memo" });
  expect(filterOf(NO_OPTIONS)).toBeUndefined();
});

test("values are of the kind that is chosen", () => {
  const value = (condition: Partial<Condition>) => {
    const filter = filterOf(where(condition));
    return filter && "value" in filter ? filter.value : undefined;
  };
  expect(value({ value: "5" })).toBe("5");
  expect(value({ kind: "number", value: "5.5" })).toBe(5.5);
  expect(value({ kind: "flag", value: "false" })).toBe(false);
  expect(value({ kind: "day", value: "2025-01-02" })).toBe(new Date(2025, 0, 2).getTime() / 1000);
  expect(value({ type: "in", value: "Smith, Ada\n\nLee" })).toEqual(["Smith, Ada", "Lee"]);
  expect(value({ type: "nin", kind: "number", value: "1\n2\n" })).toEqual([1, 2]);
});

test("what cannot be sent is named", () => {
  expect(optionFaults(where({ key: " ", value: "x" }))).toHaveProperty(["key.0"]);
  expect(optionFaults(where({ value: "x" }, { value: "" }))).toHaveProperty(["value.1"]);
  expect(optionFaults(where({ kind: "number", value: "many" }))).toHaveProperty(["value.0"]);
  expect(optionFaults(where({ kind: "flag", value: "" }))).toHaveProperty(["value.0"]);
  expect(optionFaults(where({ type: "in", value: "\n" }))).toHaveProperty(["value.0"]);
  expect(optionFaults(where({ type: "in", kind: "number", value: "1\nx" }))).toHaveProperty(["value.0"]);
  for (const limit of ["0", "51", "1.5", "x"]) expect(optionFaults(numbers({ limit }))).toHaveProperty("limit");
  expect(optionFaults(numbers({ diversity: "1.5", late: "-1" }))).toEqual({
    diversity: "A number from 0 to 1 is needed.",
    late: "A number from 0 to 1 is needed.",
  });
  expect(optionFaults(numbers({ limit: "50", diversity: "0.3" }))).toEqual({});
});

test("what is asked for is sent, and shares that are not given are the store’s", () => {
  const options = {
    ...numbers({ limit: "5", threshold: "0.2", diversity: "0.3", spread: "0.1" }),
    ranker: "late-interaction" as const,
    rewrite: true,
    expand: true,
  };
  expect(searchBody("a", options, { dense_weight: 0.4, spread: 0, late: 0.2 })).toEqual({
    query: "a",
    max_num_results: 5,
    rewrite_query: true,
    ranking_options: { ranker: "late-interaction", score_threshold: 0.2 },
    cairn: {
      explain: true,
      diversity: 0.3,
      expand: "section",
      ranking: { dense_weight: 0.4, spread: 0.1, late: 0.2 },
    },
  });
  expect(optionWords(options)).toContain("late interaction");
});

test("options come back from an address, and what is none of ours does not", () => {
  const options = { ...where({ type: "gte", kind: "number", value: "2020" }), ranker: "none" as const };
  const kept: unknown = JSON.parse(JSON.stringify(packed(options)));
  expect(kept).toEqual({ conditions: options.conditions, ranker: "none" });
  expect(unpacked(kept)).toEqual(options);
  const foreign = { ranker: "toString", join: 1, conditions: [3, { type: "like", key: {} }], numbers: { limit: 7 } };
  expect(unpacked(foreign)).toEqual({
    ...numbers({ limit: "7" }),
    conditions: [{ key: "", type: "eq", kind: "text", value: "" }],
  });
  expect(unpacked("x")).toEqual(NO_OPTIONS);
});
