import type { Engine, EngineState, Seconds } from "../types";

// Tables ---------------------------------------------------------------------------------------

export type ColumnType = "integer" | "number" | "boolean" | "string" | "timestamp";
export type Cell = string | number | boolean | null;

export interface Column {
  name: string;
  type: ColumnType;
  nulls: number;
  distinct: number;
  /** False where `distinct` is an estimate. */
  distinct_exact?: boolean;
  min: Cell;
  max: Cell;
  mean: number | null;
  top: { value: Cell; count: number }[];
}

export interface Dataset {
  id: string;
  object: "dataset";
  name: string;
  version: number;
  rows: number;
  columns: Column[];
  /** What was decided while reading the file. */
  notes?: string[];
  sha256: string;
  bytes: number;
  created_at: Seconds;
  source: string | null;
}

export interface Rows {
  columns: string[];
  rows: Cell[][];
  total: number;
}

export interface QueryResult {
  columns: { name: string; type: string }[];
  rows: Cell[][];
  truncated: boolean;
  milliseconds: number;
}

// Training -------------------------------------------------------------------------------------

export type Metrics = Record<string, number | null>;
export type Task = "binary" | "multiclass" | "regression";
export type RunStatus = "queued" | "running" | "succeeded" | "failed" | "cancelled";

export interface Candidate {
  candidate: string;
  validation: Metrics;
  validation_std?: Metrics;
  test: Metrics;
  fit_seconds: number;
  predict_micros_per_row: number;
  chosen: boolean;
}

export interface TrainingResult {
  model: string;
  version: number;
  task: Task;
  target: string;
  classes: string[] | null;
  metric: string;
  leaderboard: Candidate[];
  test_metrics: Metrics;
  train_rows: number;
  test_rows: number;
  features: {
    name: string;
    kind: "numeric" | "categorical" | "boolean" | "timestamp" | "text" | "dropped";
    reason?: string | null;
  }[];
  onnx: { sha256: string; bytes: number; path: string };
  parity_max_abs_diff: number;
  notes: string[];
}

export interface TrainingRun {
  id: string;
  object: "training_run";
  status: RunStatus;
  dataset: string;
  dataset_version: number;
  target: string;
  name: string;
  task: Task | null;
  progress: { stage: string; fraction: number };
  error: string | null;
  created_at: Seconds;
  finished_at: Seconds | null;
  result: TrainingResult | null;
}

export interface TrainingRequest {
  dataset: string;
  target: string;
  name?: string;
  budget_seconds?: number;
  seed?: number;
}

// Models ---------------------------------------------------------------------------------------

export interface ModelVersion {
  version: number;
  sha256: string;
  created_at: Seconds;
  training_run: string | null;
  task?: Task | null;
  target?: string | null;
  metrics?: Metrics | null;
  dataset?: string | null;
  dataset_version?: number | null;
}

export interface Tensor {
  name: string;
  datatype: string;
  shape: number[];
  /** For inputs: what the column holds. */
  kind?: "numeric" | "boolean" | "timestamp" | "categorical" | null;
}

export interface Model {
  name: string;
  object: "model";
  kind: Engine["kind"];
  runtime: string;
  state: EngineState;
  reason: string | null;
  deployed_version: number | null;
  versions: ModelVersion[];
  inputs: Tensor[];
  outputs: Tensor[];
}

export interface Prediction {
  prediction: Cell;
  probabilities: Record<string, number> | null;
}

export interface Predictions {
  model: string;
  version: number;
  predictions: Prediction[];
}
