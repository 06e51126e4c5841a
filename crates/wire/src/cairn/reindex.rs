use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// How files are cut, beyond what OpenAI's `chunking_strategy` can say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum CairnChunking {
    /// OpenAI's default: 800 tokens, 400 of them shared with the chunk before.
    Auto,
    /// Chunks of a size with overlap.
    Static {
        /// Most tokens of a chunk, 100 to 4096.
        max_tokens: i64,
        /// Tokens shared with the chunk before, at most half of it.
        overlap_tokens: i64,
    },
    /// Never across headings; tables whole where they fit, else by rows below their header.
    Structure {
        /// Most tokens of a chunk, 50 to 4096.
        #[serde(default = "structure_tokens")]
        max_tokens: i64,
        /// Whether the headings above a chunk are embedded and indexed with it.
        #[serde(default = "yes")]
        heading_context: bool,
    },
    /// Small chunks are found, the large ones around them are shown.
    ParentChild {
        /// Most tokens of a small chunk, 16 to 1024.
        #[serde(default = "child_tokens")]
        child_tokens: i64,
        /// Most tokens of a large chunk, more than of a small one and up to 4096.
        #[serde(default = "parent_tokens")]
        parent_tokens: i64,
        /// Whether the headings above a small chunk are embedded and indexed with it.
        #[serde(default = "yes")]
        heading_context: bool,
    },
}

fn structure_tokens() -> i64 {
    400
}

fn child_tokens() -> i64 {
    128
}

fn parent_tokens() -> i64 {
    800
}

fn yes() -> bool {
    true
}

/// What a re-index shall change. What is absent stays.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct StartReindex {
    /// The embedding model: the program's own, or an encoder of the tenant, perhaps as
    /// `name@version`.
    pub embedding_model: Option<String>,
    /// How every file of the store is cut.
    pub chunking: Option<CairnChunking>,
    /// The language its words are counted in: an ISO 639-1 code, `other`, or `auto` to tell it
    /// anew from the texts. When absent one that was named stays, and another is told anew.
    pub language: Option<String>,
    /// Whether every file's text is read from its bytes anew: after models for scans were
    /// installed, or with a newer version of the program.
    #[serde(default)]
    pub reparse: bool,
}

/// What makes a store's vectors, and how its files are cut.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct IndexGeneration {
    /// Grows with every re-index, from 1.
    pub generation: i64,
    /// The embedding model.
    pub embedding_model: String,
    /// Its version; absent for the program's own model.
    pub embedding_version: Option<i64>,
    /// How files are cut that do not say it themselves.
    pub chunking: CairnChunking,
    /// The language its words are counted in; absent where it is told from its first texts.
    pub language: Option<String>,
    /// Whether that was asked for.
    pub language_named: bool,
}

/// A store's index and its newest re-index.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Reindex {
    /// Always `vector_store.reindex`.
    pub object: &'static str,
    /// The store.
    pub vector_store_id: String,
    /// `none`, `in_progress`, `completed`, `cancelled` or `failed`.
    pub status: &'static str,
    /// What answers now.
    pub active: IndexGeneration,
    /// The newest re-index.
    pub run: Option<ReindexRun>,
}

/// A re-index.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ReindexRun {
    /// What it makes or made.
    pub generation: IndexGeneration,
    /// When it was asked for.
    pub created_at: i64,
    /// When it ended.
    pub finished_at: Option<i64>,
    /// Files of the store, while it is under way.
    pub files_total: Option<i64>,
    /// Those of them that are done.
    pub files_done: Option<i64>,
    /// How much is done, 0 to 1.
    pub fraction: f64,
    /// Seconds it will still take, as far as that can be told.
    pub seconds_left: Option<f64>,
    /// Why it is `in_progress` and does not go on: its embedding model is busy or away. Null else.
    pub waiting: Option<String>,
    /// When it is tried again then, at the earliest.
    pub retry_at: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
    /// How it compares with what it took the place of: `files`, `chunks_before`,
    /// `chunks_after`, and `recall_at_10`, the share of the old first ten hits of `searches`
    /// sampled searches that are found again. Where texts were read anew also `texts_changed`,
    /// and `files_unread`, which could not be read any more and keep the text they had.
    #[schema(value_type = Option<Object>)]
    pub report: Option<Value>,
}

/// Our extra fields of a new vector store.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewStoreExtra {
    /// How its files are cut that do not say it themselves.
    pub chunking: Option<CairnChunking>,
    /// The embedding model: the program's own when absent, or an encoder of the tenant.
    pub embedding_model: Option<String>,
    /// The language its words are counted in: an ISO 639-1 code or `other`; told from its texts
    /// when absent or `auto`.
    pub language: Option<String>,
}

/// Our extra fields of files to attach.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachExtra {
    /// How they are cut, in the place of `chunking_strategy`.
    pub chunking: Option<CairnChunking>,
}

/// Our extra fields of a vector store.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorStoreExtra {
    /// Which model makes its vectors.
    pub embedding_model: String,
    /// The language its words are counted in, an ISO 639-1 code or `other`; null before there
    /// are any, if it was not named.
    pub language: Option<String>,
}
