//! What a training run takes and what it gives back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// The kind of prediction a model makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Task {
    /// One of two classes.
    Binary,
    /// One of three or more classes.
    Multiclass,
    /// A number.
    Regression,
}

impl Task {
    /// The name on the wire and in the model's metadata.
    pub fn name(self) -> &'static str {
        match self {
            Self::Binary => "binary",
            Self::Multiclass => "multiclass",
            Self::Regression => "regression",
        }
    }

    /// The metric by which candidates are compared.
    pub fn primary_metric(self) -> &'static str {
        match self {
            Self::Binary => "auc",
            Self::Multiclass => "log_loss",
            Self::Regression => "rmse",
        }
    }
}

/// Where the training table came from; goes into the model's metadata.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatasetRef {
    /// The dataset's name.
    pub name: String,
    /// The dataset's version.
    pub version: u64,
    /// SHA-256 of the dataset's content, in hex.
    pub sha256: String,
}

/// One training run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainRequest {
    /// An Arrow IPC file with the whole training table.
    pub table: PathBuf,
    /// The column to predict.
    pub target: String,
    /// The task, or `None` to tell it from the target.
    pub task: Option<Task>,
    /// Wall-clock seconds the run may take (kept within 10 %).
    pub budget_seconds: f64,
    /// Same table, target and seed: same model, unless the budget cuts the search short.
    pub seed: u64,
    /// Share of the rows held out for the test metrics.
    pub holdout: f64,
    /// Most cross-validation folds; fewer when time is short or classes are small.
    pub folds: usize,
    /// An existing folder that receives `model.onnx` and `report.json`.
    pub output: PathBuf,
    /// The table's origin, for the model's metadata.
    pub dataset: Option<DatasetRef>,
}

impl TrainRequest {
    /// A run of 60 s with seed 0, a fifth held out and five folds.
    pub fn new(
        table: impl Into<PathBuf>,
        target: impl Into<String>,
        output: impl Into<PathBuf>,
    ) -> Self {
        Self {
            table: table.into(),
            target: target.into(),
            task: None,
            budget_seconds: 60.0,
            seed: 0,
            holdout: 0.2,
            folds: 5,
            output: output.into(),
            dataset: None,
        }
    }
}

/// How far a run has come.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What is being done, in a few words.
    pub stage: String,
    /// From 0 to 1.
    pub fraction: f64,
}

/// Metric name to value.
pub type Metrics = BTreeMap<String, f64>;

/// One candidate's results.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LeaderboardRow {
    /// `baseline`, `linear`, `lightgbm…` or `blend`.
    pub candidate: String,
    /// Mean over the validation folds.
    pub validation: Metrics,
    /// Standard deviation over the validation folds (0 with one fold).
    pub validation_std: Metrics,
    /// On the held-out test rows, after a refit on all other rows.
    pub test: Metrics,
    /// Wall-clock seconds of this candidate's validation and refit.
    pub fit_seconds: f64,
    /// Microseconds the trainer took per test row.
    pub predict_micros_per_row: f64,
    /// Whether this one was exported.
    pub chosen: bool,
}

/// What became of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureReport {
    /// The column's name.
    pub name: String,
    /// `numeric`, `categorical`, `boolean`, `timestamp` or `dropped`.
    pub kind: String,
    /// Why it was dropped, or how it is treated.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub reason: Option<String>,
}

/// One input or output of the exported model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSignature {
    /// The tensor's name: for inputs, the column's.
    pub name: String,
    /// `FP32` or `BYTES` (Open Inference Protocol names).
    pub datatype: String,
    /// `-1` is the number of rows.
    pub shape: Vec<i64>,
    /// For inputs: `numeric`, `boolean` (0 or 1), `timestamp` (seconds since 1970,
    /// UTC) or `categorical`.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub kind: Option<String>,
    /// For inputs: how a missing value is written (`NaN` or the empty string).
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub missing: Option<String>,
}

/// The exported file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OnnxFile {
    /// SHA-256 of the file, in hex.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// Where it is.
    pub path: PathBuf,
}

/// Test rows with the trainer's own predictions, to compare served predictions with.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct TrainerPredictions {
    /// The model's input columns, by name; `null` where the value is missing.
    pub rows: Vec<serde_json::Map<String, serde_json::Value>>,
    /// Regression: the number. Classification: the label.
    pub predictions: Vec<serde_json::Value>,
    /// Classification: probabilities in the order of the classes.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub probabilities: Vec<Vec<f64>>,
}

/// The outcome of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct TrainReport {
    /// What is predicted.
    pub task: Task,
    /// The column predicted.
    pub target: String,
    /// Classification: the classes, in the order of the probabilities.
    pub classes: Option<Vec<String>>,
    /// Binary: the class that `f1` and `auc` are about (the second one).
    pub positive_class: Option<String>,
    /// The metric by which the model was chosen.
    pub metric: String,
    /// All candidates, best first.
    pub leaderboard: Vec<LeaderboardRow>,
    /// The chosen model's metrics on the test rows.
    pub test_metrics: Metrics,
    /// Rows the model was fitted on.
    pub train_rows: usize,
    /// Rows held out.
    pub test_rows: usize,
    /// Validation folds used.
    pub folds: usize,
    /// Every column but the target.
    pub features: Vec<FeatureReport>,
    /// What the model takes.
    pub inputs: Vec<TensorSignature>,
    /// What the model gives.
    pub outputs: Vec<TensorSignature>,
    /// The exported file.
    pub onnx: OnnxFile,
    /// Largest difference between the exported file, run by the serving engine over
    /// the test rows, and the trainer: absolute for probabilities, relative to the
    /// larger of the value and the target's standard deviation for numbers.
    pub parity_max_abs_diff: f64,
    /// What the user should know.
    pub notes: Vec<String>,
    /// Wall-clock seconds of the run.
    pub seconds: f64,
    /// The first test rows with the trainer's predictions.
    pub trainer_predictions: TrainerPredictions,
}
