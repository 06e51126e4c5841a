//! Evaluation schedules: runs that begin by themselves.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::EvaluationConfiguration;

/// A schedule to make; it needs at least one occasion.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEvaluationSchedule {
    /// The vector store, by id or name; that of the question set by default.
    pub store: Option<String>,
    /// The question set.
    pub question_set: String,
    /// What to call it.
    pub name: Option<String>,
    /// What is measured, up to 4, without `chunking` and `embedding_model`; one as the store is by
    /// default.
    pub configurations: Option<Vec<EvaluationConfiguration>>,
    /// Seed of the intervals, 0 by default.
    pub seed: Option<u64>,
    /// Seconds from one run to the next, 3,600 at least; 0 (the default) for never by time.
    #[serde(default)]
    pub every_seconds: i64,
    /// Begins a run when the store answers from another index.
    #[serde(default)]
    pub after_reindex: bool,
    /// Begins a run when the store's ranking or threshold is another.
    #[serde(default)]
    pub after_ranking: bool,
    /// Begins a run after so many documents came or went; 0 (the default) for never.
    #[serde(default)]
    pub after_documents: i64,
    /// How many of its runs are kept, 2 to 500, 50 by default.
    pub keep_runs: Option<i64>,
}

/// What to change of a schedule; the rest stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateEvaluationSchedule {
    /// What to call it.
    pub name: Option<String>,
    /// What is measured.
    pub configurations: Option<Vec<EvaluationConfiguration>>,
    /// Seed of the intervals.
    pub seed: Option<u64>,
    /// Seconds from one run to the next.
    pub every_seconds: Option<i64>,
    /// Whether a run begins when the store answers from another index.
    pub after_reindex: Option<bool>,
    /// Whether a run begins when the store's ranking or threshold is another.
    pub after_ranking: Option<bool>,
    /// After how many changed documents a run begins.
    pub after_documents: Option<i64>,
    /// How many of its runs are kept.
    pub keep_runs: Option<i64>,
}

/// When runs over a question set begin by themselves.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EvaluationSchedule {
    /// `esch_…`
    pub id: String,
    /// Always `evaluation_schedule`.
    pub object: &'static str,
    /// What it is called.
    pub name: String,
    /// `active` or `paused`.
    pub status: &'static str,
    /// The vector store.
    pub store: String,
    /// The question set.
    pub question_set: String,
    /// What is measured.
    #[schema(value_type = Object)]
    pub plan: Value,
    /// Seconds from one run to the next; 0 for never by time.
    pub every_seconds: i64,
    /// Whether a run begins when the store answers from another index.
    pub after_reindex: bool,
    /// Whether a run begins when the store's ranking or threshold is another.
    pub after_ranking: bool,
    /// After how many changed documents a run begins; 0 for never.
    pub after_documents: i64,
    /// How many of its runs are kept.
    pub keep_runs: i64,
    /// Why the last run could not begin, and what to do.
    pub error: Option<String>,
    /// When the next run is due by time.
    pub next_run_at: Option<i64>,
    /// Its newest run.
    pub last_run: Option<ScheduledRun>,
    /// When it was made.
    pub created_at: i64,
}

/// The newest run of a schedule, in short.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ScheduledRun {
    /// `eval_…`
    pub id: String,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub status: String,
    /// Why it began: `time`, `reindex`, `ranking`, `documents` or `request`.
    pub occasion: Option<String>,
    /// Whether it was worse than the run before it.
    pub worse: Option<bool>,
    /// Why it failed and what to do.
    pub error: Option<String>,
    /// When it began to wait for its turn.
    pub created_at: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
}
