use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::Given;
use crate::cairn::{AttachExtra, CairnChunking, NewStoreExtra, VectorStoreExtra};

/// Settings of a new vector store.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateVectorStore {
    /// Its name.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// Files to attach at once.
    #[serde(default)]
    pub file_ids: Vec<String>,
    /// When it expires.
    pub expires_after: Option<ExpiresAfter>,
    /// How `file_ids` are cut.
    pub chunking_strategy: Option<ChunkingStrategy>,
    /// Up to 16 strings.
    pub metadata: Option<BTreeMap<String, String>>,
    /// Our extra fields.
    pub cairn: Option<NewStoreExtra>,
}

/// Settings to change. What is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateVectorStore {
    /// Its name; `null` for none.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub name: Given<String>,
    /// When it expires; `null` for never.
    #[serde(default)]
    #[schema(value_type = Option<ExpiresAfter>)]
    pub expires_after: Given<ExpiresAfter>,
    /// Up to 16 strings, in place of those there are; `null` for none.
    #[serde(default)]
    #[schema(value_type = Option<BTreeMap<String, String>>)]
    pub metadata: Given<BTreeMap<String, String>>,
}

/// When a store expires.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExpiresAfter {
    /// Always `last_active_at`.
    pub anchor: String,
    /// Days after it.
    pub days: i64,
}

/// How a file is cut.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum ChunkingStrategy {
    /// 800 tokens with 400 of overlap.
    Auto,
    /// As given.
    Static {
        /// The sizes.
        r#static: StaticChunking,
    },
    /// One of ours, which `cairn.chunking` tells; it cannot be asked for here.
    Other,
}

/// Sizes of chunks.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct StaticChunking {
    /// 100 to 4096.
    pub max_chunk_size_tokens: i64,
    /// At most half of it.
    pub chunk_overlap_tokens: i64,
}

/// A vector store.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorStore {
    /// `vs_…`
    pub id: String,
    /// Always `vector_store`.
    pub object: &'static str,
    /// When it was made.
    pub created_at: i64,
    /// Its name, possibly empty.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Bytes of its chunks and vectors.
    pub usage_bytes: i64,
    /// `in_progress` while files are read, `expired`, else `completed`.
    pub status: &'static str,
    /// Its files by state.
    pub file_counts: FileCounts,
    /// When it was last used.
    pub last_active_at: i64,
    /// How it expires.
    pub expires_after: Option<ExpiresAfter>,
    /// When it expires, unless it is used before.
    pub expires_at: Option<i64>,
    /// Up to 16 strings.
    pub metadata: BTreeMap<String, String>,
    /// Our extra fields.
    pub cairn: VectorStoreExtra,
}

/// Files by state.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct FileCounts {
    /// Waiting or being read.
    pub in_progress: i64,
    /// Searchable.
    pub completed: i64,
    /// Not readable.
    pub failed: i64,
    /// Stopped.
    pub cancelled: i64,
    /// All.
    pub total: i64,
}

/// A file to attach.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachFile {
    /// The file. One that is attached already gets what is sent with it here, and keeps the rest.
    pub file_id: String,
    /// Up to 16 strings, numbers or booleans.
    pub attributes: Option<BTreeMap<String, Value>>,
    /// How to cut it.
    pub chunking_strategy: Option<ChunkingStrategy>,
    /// Our extra fields.
    pub cairn: Option<AttachExtra>,
}

/// Files to attach together: `file_ids` with shared settings, or `files` each with its own.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateFileBatch {
    /// The files, with the settings below.
    pub file_ids: Option<Vec<String>>,
    /// The files, each with its settings.
    pub files: Option<Vec<AttachFile>>,
    /// For `file_ids`.
    pub attributes: Option<BTreeMap<String, Value>>,
    /// For `file_ids`.
    pub chunking_strategy: Option<ChunkingStrategy>,
    /// Our extra fields, for `file_ids`.
    pub cairn: Option<AttachExtra>,
}

/// New attributes of an attached file.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateAttributes {
    /// They replace the old ones; `null` for none.
    #[serde(default)]
    #[schema(required = true, value_type = Option<BTreeMap<String, Value>>)]
    pub attributes: Given<BTreeMap<String, Value>>,
}

/// An attached file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorStoreFile {
    /// The file's id.
    pub id: String,
    /// Always `vector_store.file`.
    pub object: &'static str,
    /// When it was attached.
    pub created_at: i64,
    /// Bytes of its chunks and vectors.
    pub usage_bytes: i64,
    /// The store.
    pub vector_store_id: String,
    /// `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: String,
    /// Why it failed.
    pub last_error: Option<LastError>,
    /// Its attributes.
    pub attributes: Value,
    /// How it was cut.
    pub chunking_strategy: ChunkingStrategy,
    /// Our extra fields.
    pub cairn: VectorStoreFileExtra,
}

/// Our extra fields of an attached file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct VectorStoreFileExtra {
    /// Its name.
    pub filename: String,
    /// How it was cut.
    pub chunking: CairnChunking,
    /// What was guessed or left out when it was read; empty where nothing was, and until it is read.
    pub notes: Vec<String>,
    /// Why it is `in_progress` and not being read: its embedding model is busy or away. Null else.
    pub waiting: Option<String>,
    /// When it is tried again then, at the earliest.
    pub retry_at: Option<i64>,
}

/// Why a file failed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct LastError {
    /// `unsupported_file`, `invalid_file` or `server_error`.
    pub code: String,
    /// What is wrong and what to do.
    pub message: String,
}

/// Files attached together.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FileBatch {
    /// `vsfb_…`
    pub id: String,
    /// Always `vector_store.files_batch`.
    pub object: &'static str,
    /// When it was made.
    pub created_at: i64,
    /// The store.
    pub vector_store_id: String,
    /// `in_progress`, `completed`, `cancelled` or `failed`.
    pub status: &'static str,
    /// The files it was given by state: once one is out of progress, as it was then, whatever
    /// becomes of the file later.
    pub file_counts: FileCounts,
}

/// One text or many.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(untagged)]
pub enum OneOrMany {
    /// One.
    One(String),
    /// Many.
    Many(Vec<String>),
}

/// A search.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchRequest {
    /// What to look for; with several, a passage counts with its best.
    pub query: OneOrMany,
    /// OpenAI's comparison and compound filters.
    pub filters: Option<Value>,
    /// 1 to 50, 10 by default.
    pub max_num_results: Option<usize>,
    /// Ranking.
    pub ranking_options: Option<RankingOptions>,
    /// Whether the content words of each query are searched for beside it.
    pub rewrite_query: Option<bool>,
    /// Our options.
    pub cairn: Option<super::SearchOptions>,
}

/// How hits are ranked.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RankingOptions {
    /// `auto` or `default-2024-11-15`: the reranker where the store's ranking gives it a
    /// share; `none`: no reranker. `late-interaction` and `cross-encoder` ask for that one.
    pub ranker: Option<String>,
    /// 0 to 1: hits whose score is lower are left out.
    pub score_threshold: Option<f32>,
    /// Weights of the legs.
    pub hybrid_search: Option<HybridSearch>,
}

/// Weights of the legs.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HybridSearch {
    /// Of the dense leg.
    pub embedding_weight: f32,
    /// Of the BM25 leg.
    pub text_weight: f32,
}

/// What a search found.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SearchResults {
    /// Always `vector_store.search_results.page`.
    pub object: &'static str,
    /// The queries.
    pub search_query: Vec<String>,
    /// The hits, best first.
    pub data: Vec<SearchResult>,
    /// Always false: `max_num_results` is the page.
    pub has_more: bool,
    /// Always null.
    pub next_page: Option<String>,
    /// Our extra fields, where they were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cairn: Option<super::SearchExtra>,
}

/// A hit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SearchResult {
    /// The file.
    pub file_id: String,
    /// Its name.
    pub filename: String,
    /// 0 to 1: its place among the hits times how strongly the best of them bears on the query. A
    /// query about something that is not in the store has low scores only.
    pub score: f32,
    /// Its attributes.
    pub attributes: Value,
    /// The passage.
    pub content: Vec<TextContent>,
    /// Our extra fields.
    pub cairn: PassagePlace,
}

/// A piece of text.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TextContent {
    /// Always `text`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The text.
    pub text: String,
}

/// Where a passage stands and how it scored. Of one that was widened to its section the
/// characters and the page are those of the section, and `chunk_id` is that of the hit.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PassagePlace {
    /// The chunk.
    pub chunk_id: String,
    /// Page that `char_start` is on, from 1.
    pub page: Option<i64>,
    /// Heading path.
    pub heading: Option<String>,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
    /// What was embedded and indexed in front of the passage: what its document is called, headings
    /// above it, the header row of a table it is from.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub context: String,
    /// Where a small chunk was found in this large one: its first character in the document's
    /// text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_start: Option<i64>,
    /// One past its last character.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub match_end: Option<i64>,
    /// Cosine.
    pub dense: Option<f32>,
    /// Raw BM25.
    pub bm25: Option<f32>,
    /// The hits in it, best first, where it was widened to its section.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hits: Vec<super::SectionHit>,
    /// How it came to its score, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explain: Option<super::HitExplain>,
}

/// The text of an attached file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FileContentPage {
    /// Always `vector_store.file_content.page`.
    pub object: &'static str,
    /// Pieces that join to the whole text; one begins where a chunk does.
    pub data: Vec<TextContent>,
    /// Always false.
    pub has_more: bool,
    /// Always null.
    pub next_page: Option<String>,
}
