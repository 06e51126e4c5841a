//! Evaluation: question sets and runs over them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

use super::{CairnChunking, Progress};

/// A question set to make: of the user's own questions, or generated ones.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateQuestionSet {
    /// The vector store, by id or name.
    pub store: Option<String>,
    /// What to call it.
    pub name: Option<String>,
    /// The questions: each with `question`, `relevant` (file ids or names, or objects with
    /// `file` and `quote`, or `char_start` and `char_end`), `expected_answer` (a text or
    /// several) and `answerable` (true by default).
    #[schema(value_type = Option<Vec<Object>>)]
    pub questions: Option<Vec<Value>>,
    /// Or how to generate them.
    pub generate: Option<GenerateQuestions>,
}

/// Questions to be generated from the documents of a store.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GenerateQuestions {
    /// How many, up to 1,000.
    pub count: usize,
    /// `auto` (a language model when there is one), `extractive` or `model`; `auto` by default.
    pub method: Option<String>,
    /// The language model; the program's own by default.
    pub model: Option<String>,
    /// Which passages are drawn, 0 by default.
    pub seed: Option<u64>,
    /// How many of them the documents shall not answer, a quarter by default: each is made of a
    /// file that is withheld while it is asked.
    pub unanswerable: Option<usize>,
}

/// Where a JSONL body of questions belongs.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QuestionSetPlace {
    /// With a JSONL body: the vector store, by id or name.
    pub store: Option<String>,
    /// With a JSONL body: what to call the set.
    pub name: Option<String>,
}

/// A question set.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct QuestionSet {
    /// `qset_…`
    pub id: String,
    /// Always `question_set`.
    pub object: &'static str,
    /// The vector store.
    pub store: String,
    /// What it is called.
    pub name: String,
    /// `ready`, `generating` or `failed`.
    pub status: String,
    /// How far its generation is.
    pub progress: Progress,
    /// Why that failed and what to do.
    pub error: Option<String>,
    /// How its questions were generated; `null` for the user's own.
    #[schema(value_type = Option<Object>)]
    pub generated: Option<Value>,
    /// How many questions it has.
    pub questions: QuestionCounts,
    /// When it was made.
    pub created_at: i64,
}

/// How many questions a set has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuestionCounts {
    /// All of them.
    pub total: i64,
    /// Those that the documents answer.
    pub answerable: i64,
    /// Those that they do not.
    pub unanswerable: i64,
    /// The user's own.
    pub user: i64,
    /// Made of documents' own words.
    pub extractive: i64,
    /// Written by a language model.
    pub model: i64,
}

/// A question of a set.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SetQuestion {
    /// `q_…`
    pub id: String,
    /// Always `question`.
    pub object: &'static str,
    /// The question itself.
    pub question: String,
    /// `user`, `extractive` or `model`: who wrote it.
    pub origin: &'static str,
    /// `question`, `cloze`, `heading` or `known_item`.
    pub form: &'static str,
    /// Whether the documents answer it.
    pub answerable: bool,
    /// Where they do.
    pub relevant: Vec<RelevantPlace>,
    /// Right answers.
    pub expected_answer: Vec<String>,
    /// The file that is withheld while it is asked, of a generated question without an answer.
    pub withheld: Option<String>,
}

/// Where an answer stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RelevantPlace {
    /// The file's id or name.
    pub file: String,
    /// Words of it.
    pub quote: Option<String>,
    /// First character.
    pub char_start: Option<i64>,
    /// One past the last.
    pub char_end: Option<i64>,
}

/// A run to start.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateEvaluation {
    /// The vector store, by id or name; that of the question set by default.
    pub store: Option<String>,
    /// The question set.
    pub question_set: String,
    /// What is compared, the others with the first; one as the store is by default.
    pub configurations: Option<Vec<EvaluationConfiguration>>,
    /// Learns the store's ranking and threshold from the questions, and changes the store to the
    /// `chunking` and `embedding_model` of a configuration; each under its rule against harm.
    #[serde(default)]
    pub tune: bool,
    /// Learns a reranker's share too, which takes its reading of every candidate. With `tune`.
    #[serde(default)]
    pub tune_reranker: bool,
    /// Seed of the intervals, 0 by default.
    pub seed: Option<u64>,
}

/// A way to answer questions, to be measured.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationConfiguration {
    /// What to call it; runs are compared by it.
    pub name: String,
    /// Share of the vectors in the score, 0 to 1.
    pub dense_weight: Option<f32>,
    /// All shares of the ranking. Without it and `dense_weight`, the store's own ranking.
    pub ranking: Option<EvaluationRanking>,
    /// A reranking model for the best 50 passages, as in `/v2/rerank`; not with `answers`.
    pub reranker: Option<String>,
    /// Passages returned, 10 by default, at most 50.
    pub limit: Option<usize>,
    /// Searches for the question's content words beside it.
    #[serde(default)]
    pub rewrite: bool,
    /// Has the questions answered as well.
    #[serde(default)]
    pub answers: bool,
    /// The model that answers; the program's own by default.
    pub model: Option<String>,
    /// How all files are cut, otherwise than in the store: their index is built beside the one
    /// that answers, and dropped behind the measurement. Not in the first configuration.
    pub chunking: Option<CairnChunking>,
    /// The embedding model, another than the store's; likewise.
    pub embedding_model: Option<String>,
}

/// The shares of a ranking, each 0 to 1.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EvaluationRanking {
    /// Of the vectors; the rest is the words'.
    pub dense_weight: f32,
    /// Of a passage's neighbours, 0 by default.
    #[serde(default)]
    pub spread: f32,
    /// Of a reranker, 0 by default.
    #[serde(default)]
    pub late: f32,
}

/// A run.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Evaluation {
    /// `eval_…`
    pub id: String,
    /// Always `evaluation`.
    pub object: &'static str,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub status: String,
    /// The vector store.
    pub store: String,
    /// The question set.
    pub question_set: String,
    /// What is done.
    #[schema(value_type = Object)]
    pub plan: Value,
    /// How far it is.
    pub progress: Progress,
    /// Why it failed and what to do.
    pub error: Option<String>,
    /// Whether it was worse than the run before it over the same questions; `null` without one.
    pub worse: Option<bool>,
    /// The schedule that began it.
    pub schedule: Option<String>,
    /// Why that did: `time`, `reindex`, `ranking`, `documents` or `request`.
    pub occasion: Option<String>,
    /// When it was asked for.
    pub created_at: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// Figures with intervals, differences, what was learned, and what became worse.
    #[schema(value_type = Option<Object>)]
    pub result: Option<Value>,
}

/// What one configuration made of one question.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EvaluationResult {
    /// `evr_…`
    pub id: String,
    /// Always `evaluation_result`.
    pub object: &'static str,
    /// The configuration's name.
    pub configuration: String,
    /// The question's id.
    pub question_id: String,
    /// The question; `null` when it was deleted since.
    pub question: Option<String>,
    /// What was measured: figures, milliseconds, the passages found.
    #[schema(value_type = Object)]
    pub outcome: Value,
    /// What was answered; `null` too when a file it rests on was deleted.
    #[schema(value_type = Option<Object>)]
    pub answer: Option<Value>,
}

/// Which question sets, runs, results or schedules.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct EvaluationQuery {
    /// Most items.
    pub limit: Option<i64>,
    /// `asc` or `desc`.
    pub order: Option<String>,
    /// The id to start behind.
    pub after: Option<String>,
    /// The id to end in front of; not together with `after`.
    pub before: Option<String>,
    /// Sets, runs and schedules: of this vector store, by id or name.
    pub store: Option<String>,
    /// Runs and schedules: over this question set.
    pub question_set: Option<String>,
    /// Runs: of this schedule.
    pub schedule: Option<String>,
    /// Results: of this configuration, by name.
    pub configuration: Option<String>,
}
