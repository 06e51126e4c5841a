import { expect, test } from "vitest";
import type { Difference, Evaluation, EvaluationConfiguration, EvaluationResult } from "../api/types";
import { compared, figureName, height, history, settingsWords, signed, verdict } from "./evaluation";

const plain: EvaluationConfiguration = {
  name: "default",
  dense_weight: null,
  ranking: null,
  reranker: null,
  limit: 10,
  rewrite: false,
  answers: false,
  model: "cairn",
};

function run(id: string, at: number, value: number | null, set = "qset_1"): Evaluation {
  const estimate = value === null ? undefined : { value, low: value, high: value, questions: 4 };
  return {
    id,
    object: "evaluation",
    status: "succeeded",
    store: "vs_1",
    question_set: set,
    plan: { configurations: [plain], tune: false, tune_reranker: false, seed: 0 },
    progress: { stage: "", fraction: 1 },
    error: null,
    worse: null,
    created_at: at,
    finished_at: at,
    result: {
      questions: { total: 4, answerable: 4, unanswerable: 0, unjudged: 0, origins: {} },
      seed: 0,
      resamples: 1000,
      configurations: [
        {
          name: "default",
          settings: plain,
          figures: estimate ? { ndcg_at_10: estimate } : {},
          search_ms: null,
          answers: null,
          differences: null,
        },
      ],
      tuning: null,
      change: null,
      regression: null,
      notes: [],
    },
  };
}

const difference = (low: number, high: number): Difference => ({
  value: (low + high) / 2,
  low,
  high,
  p_value: null,
  questions: 4,
});

test("a difference counts only when its whole interval is on one side", () => {
  expect(verdict(difference(0.1, 0.2))).toBe("better");
  expect(verdict(difference(-0.2, -0.1))).toBe("worse");
  expect(verdict(difference(-0.1, 0.2))).toBe("chance");
  expect(signed(0.0312)).toBe("+0.031");
  expect(signed(-0.5)).toBe("−0.500");
  expect(signed(-0.0001)).toBe("0.000");
});

test("a history has the runs over the same questions, oldest first", () => {
  const runs = [run("c", 30, 0.7), run("b", 20, null), run("a", 10, 0.8), run("x", 5, 0.1, "qset_2")];
  expect(history(runs, "qset_1", "ndcg_at_10").map(({ id }) => id)).toEqual(["a", "c"]);
  expect(history(runs, "qset_1", "faithfulness")).toEqual([]);
});

test("results of one question stand side by side", () => {
  const result = (configuration: string, question_id: string): EvaluationResult => ({
    id: `${configuration}-${question_id}`,
    object: "evaluation_result",
    configuration,
    question_id,
    question: "why?",
    outcome: { answerable: true, figures: {}, search_ms: 1, found: [], answer: null },
    answer: null,
  });
  const found = compared([result("a", "q_1"), result("a", "q_2"), result("b", "q_1")]);
  expect(found.map(({ id, by }) => [id, [...by.keys()]])).toEqual([
    ["q_1", ["a", "b"]],
    ["q_2", ["a"]],
  ]);
});

test("configurations and figures are told in words", () => {
  expect(settingsWords(plain)).toBe("the store’s ranking; 10 passages");
  expect(settingsWords({ ...plain, dense_weight: 0.4, answers: true })).toBe(
    "meaning 0.4; 10 passages; answered by cairn",
  );
  expect(figureName("ndcg_at_10")).toBe("nDCG@10");
  expect(figureName("new_figure")).toBe("new_figure");
  expect(height(0.25, 10, 110)).toBe(85);
});
