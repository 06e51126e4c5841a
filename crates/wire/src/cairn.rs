//! What has no standard: `/cairn/v1`.

mod erasure;
mod evaluations;
mod keys;
mod models;
mod provenance;
mod rankings;
mod reindex;
mod rollouts;
mod schedules;
mod sources;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

pub use erasure::{
    AccessList, Certificate, Erasure, ErasureKey, Purged, SetAccess, Tenant, Verification,
};
pub use evaluations::{
    CreateEvaluation, CreateQuestionSet, Evaluation, EvaluationConfiguration, EvaluationQuery,
    EvaluationRanking, EvaluationResult, GenerateQuestions, QuestionCounts, QuestionSet,
    QuestionSetPlace, RelevantPlace, SetQuestion,
};
pub use keys::{CreateKey, Key, RotateKey, UpdateKey};
pub use models::{CairnModel, CairnModelVersion, Deploy, NewModelVersion, SetAlias};
pub use provenance::{
    ModelIdentity, Replay, ReplayAnswer, ReplayChange, ReplayPassage, ReplayPlace, ReplayRequest,
};
pub use rankings::{RankingQuality, SetRanking, StoreRanking, StoreThreshold, ThresholdQuality};
pub use reindex::{
    AttachExtra, CairnChunking, IndexGeneration, NewStoreExtra, Reindex, ReindexRun, StartReindex,
    VectorStoreExtra,
};
pub use rollouts::{
    Feedback, FeedbackTaken, PromoteRollout, RollBack, Rollout, RolloutArm, RolloutChange,
    RolloutGate, RolloutGates, RolloutPlan, RolloutRewards, RolloutShadow, RolloutStep,
    RolloutWeight, SetRollout,
};
pub use schedules::{
    CreateEvaluationSchedule, EvaluationSchedule, ScheduledRun, UpdateEvaluationSchedule,
};
pub use sources::{
    CreateSource, RemoveSource, RemovedSource, Source, SourceCounts, SourceItem, SourceItemCounts,
    SourceItemsQuery, SourceProgress, SourceRun, SyncSource, UpdateSource,
};

/// Who the key belongs to.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct WhoAmI {
    /// The tenant's id.
    pub tenant: String,
    /// `viewer`, `editor` or `admin`.
    pub role: String,
    /// The key's id.
    pub key_id: String,
    /// The users and groups it speaks for.
    pub principals: Vec<String>,
    /// The program's version.
    pub version: &'static str,
}

/// The state of the program.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Status {
    /// The program's version.
    pub version: &'static str,
    /// Seconds since the start.
    pub uptime_seconds: f64,
    /// Whether it can serve.
    pub ready: bool,
    /// `generative` or `extractive`.
    pub answers: &'static str,
    /// The default language model.
    pub chat_model: Option<String>,
    /// The embedding model.
    pub embedding_model: String,
    /// Jobs by state.
    pub jobs: Jobs,
    /// Models and what they run on.
    pub engines: Vec<Engine>,
}

/// Jobs by state.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct Jobs {
    /// Waiting.
    pub queued: i64,
    /// Being worked on.
    pub running: i64,
    /// Given up.
    pub failed: i64,
}

/// A model and what it runs on.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Engine {
    /// The model.
    pub name: String,
    /// `llm`, `embedding` or `tabular`.
    pub kind: &'static str,
    /// `gguf` or `onnx`.
    pub runtime: &'static str,
    /// `ready`, `loading`, `unloaded` or `failed`.
    pub state: &'static str,
    /// Why it is not ready.
    pub reason: Option<String>,
    /// Memory it takes.
    pub memory_bytes: Option<u64>,
    /// SHA-256 of its file.
    pub sha256: String,
}

/// A dataset's newest version.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Dataset {
    /// `ds_…`
    pub id: String,
    /// Always `dataset`.
    pub object: &'static str,
    /// Its name, also in SQL.
    pub name: String,
    /// From 1.
    pub version: i64,
    /// Rows.
    pub rows: u64,
    /// Name, type and profile of each column.
    #[schema(value_type = Vec<Object>)]
    pub columns: Vec<Value>,
    /// What was noticed while reading it.
    pub notes: Vec<String>,
    /// SHA-256 of the snapshot.
    pub sha256: String,
    /// Its size.
    pub bytes: u64,
    /// When it was imported.
    pub created_at: i64,
    /// The file it came from.
    pub source: String,
}

/// Some rows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Rows {
    /// Column names.
    pub columns: Vec<String>,
    /// Values, row by row.
    #[schema(value_type = Vec<Vec<Object>>)]
    pub rows: Vec<Vec<Value>>,
    /// Rows in all.
    pub total: u64,
}

/// A query.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct SqlQuery {
    /// A SELECT over the tenant's datasets.
    pub sql: String,
}

/// A training run to start.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct CreateTrainingRun {
    /// The dataset.
    pub dataset: String,
    /// The column to predict.
    pub target: String,
    /// The model's name; `<dataset>_<target>` by default.
    pub name: Option<String>,
    /// Seconds the search may take, 60 by default.
    pub budget_seconds: Option<i64>,
    /// Seed, 0 by default.
    pub seed: Option<i64>,
}

/// A training run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TrainingRun {
    /// `run_…`
    pub id: String,
    /// Always `training_run`.
    pub object: &'static str,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub status: String,
    /// The dataset.
    pub dataset: String,
    /// Its version.
    pub dataset_version: i64,
    /// The column to predict.
    pub target: String,
    /// The model's name.
    pub name: String,
    /// `binary`, `multiclass` or `regression`.
    pub task: Option<String>,
    /// How far it is.
    pub progress: Progress,
    /// Why it failed and what to do.
    pub error: Option<String>,
    /// When it was asked for.
    pub created_at: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// Leaderboard, metrics, model and version.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
}

/// How far a run is.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Progress {
    /// What is being done.
    pub stage: String,
    /// 0 to 1.
    pub fraction: f64,
}

/// Rows to predict.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct PredictRequest {
    /// The model, perhaps as `name@alias`.
    pub model: String,
    /// The version; by default the one that the model's rollout chooses, else the deployed one.
    pub version: Option<i64>,
    /// Objects of column values.
    #[schema(value_type = Vec<Object>)]
    pub rows: Option<Vec<Map<String, Value>>>,
    /// Or all rows of a dataset.
    pub dataset: Option<String>,
}

/// Predicted rows.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PredictResponse {
    /// The model.
    pub model: String,
    /// The version that answered.
    pub version: i64,
    /// A prediction for each row.
    pub predictions: Vec<RowPrediction>,
}

/// The prediction of a row.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RowPrediction {
    /// A label or a number.
    #[schema(value_type = Object)]
    pub prediction: Value,
    /// Probability of each class.
    pub probabilities: Option<BTreeMap<String, f64>>,
}

/// A part of a document's text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct DocumentText {
    /// The file.
    pub file_id: String,
    /// Its name.
    pub filename: String,
    /// The part.
    pub text: String,
    /// Its first character in the whole text.
    pub start: usize,
    /// One past its last character.
    pub end: usize,
    /// Characters of the whole text.
    pub total: usize,
    /// Pages as character ranges.
    #[schema(value_type = Object)]
    pub pages: Value,
    /// Headings with their places.
    #[schema(value_type = Object)]
    pub headings: Value,
    /// What was guessed or left out when the file was read.
    pub notes: Vec<String>,
}

/// Which part of a text.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
pub struct TextRange {
    /// First character.
    pub start: Option<usize>,
    /// One past the last.
    pub end: Option<usize>,
}

/// Which rows.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
pub struct RowRange {
    /// First row.
    pub offset: Option<u64>,
    /// How many, 50 by default and at most 10,000.
    pub limit: Option<u64>,
}
