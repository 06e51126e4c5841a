//! Sources: documents kept in step with the place they come from.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::{IntoParams, ToSchema};

/// A source to make.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateSource {
    /// The vector store that its documents go into.
    pub vector_store_id: String,
    /// What to call it; its type by default.
    pub name: Option<String>,
    /// Where documents come from: an object with a `type`, such as
    /// `{"type": "folder", "path": "/srv/documents"}`.
    #[schema(value_type = Object)]
    pub config: Value,
    /// Seconds between runs, an hour by default; 0 for runs on request only.
    pub every_seconds: Option<i64>,
    /// Attributes that every document of it gets: at most 6. `cairn.access` sets who may read
    /// them.
    #[schema(value_type = Option<Object>)]
    pub attributes: Option<BTreeMap<String, Value>>,
}

/// What to change of a source; what is left out stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UpdateSource {
    /// What to call it.
    pub name: Option<String>,
    /// The whole configuration, of the same type. Secrets that are left out stay; `null` drops one.
    #[schema(value_type = Option<Object>)]
    pub config: Option<Value>,
    /// Seconds between runs; 0 for runs on request only.
    pub every_seconds: Option<i64>,
}

/// A run to ask for.
#[derive(Clone, Copy, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SyncSource {
    /// Delete however much is gone at the source.
    #[serde(default)]
    pub confirm_deletes: bool,
    /// Try everything again that failed.
    #[serde(default)]
    pub retry_failed: bool,
}

/// What becomes of the files of a source that is removed.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RemoveSource {
    /// `delete`, which is the default, or `keep`.
    pub files: Option<String>,
}

/// Which items of a source.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SourceItemsQuery {
    /// `ready`, `pending`, `failed` or `removed`.
    pub state: Option<String>,
    /// The id to start behind.
    pub after: Option<String>,
    /// Most items: 1 to 1,000, by default 100.
    pub limit: Option<i64>,
}

/// A source.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Source {
    /// `src_…`
    pub id: String,
    /// Always `source`.
    pub object: &'static str,
    /// What it is called.
    pub name: String,
    /// `folder`, `website` and so on.
    #[serde(rename = "type")]
    pub kind: String,
    /// The vector store that its documents are in.
    pub vector_store_id: String,
    /// Its configuration, secrets redacted.
    #[schema(value_type = Object)]
    pub config: Value,
    /// Attributes that every document of it gets.
    #[schema(value_type = Object)]
    pub attributes: Value,
    /// Seconds between runs; 0 for runs on request only.
    pub every_seconds: i64,
    /// `idle`, `queued`, `syncing`, `paused`, `on_hold` or `removing`.
    pub status: &'static str,
    /// Why it is on hold, and what to do.
    pub hold_reason: Option<String>,
    /// Its items by state.
    pub items: SourceItemCounts,
    /// How far its run is, while one is under way.
    pub progress: Option<SourceProgress>,
    /// Its last run that ended.
    pub last_run: Option<SourceRun>,
    /// When it is looked at next by itself.
    pub next_run_at: Option<i64>,
    /// When it was made.
    pub created_at: i64,
}

/// The items of a source by state.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct SourceItemCounts {
    /// All of them.
    pub total: i64,
    /// They answer as they are at the source.
    pub ready: i64,
    /// A new version is being read; an older one goes on answering.
    pub pending: i64,
    /// They could not be taken; an older version goes on answering.
    pub failed: i64,
    /// Somebody deleted their files; they come back when they change at the source.
    pub removed: i64,
    /// Their bytes, as far as the source says them.
    pub bytes: i64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct SourceProgress {
    /// `listing`, `reading`, `deleting` or `finishing`.
    pub phase: &'static str,
    /// New and changed items to take; grows while it is still listing.
    pub items_total: u64,
    /// Those that can be searched, or failed.
    pub items_done: u64,
    /// Their bytes, as far as the source says them.
    pub bytes_total: u64,
    /// Bytes of those that were taken.
    pub bytes_done: u64,
    /// Seconds until the items are done, from the rate of the last minute.
    pub eta_seconds: Option<u64>,
    /// What it did so far.
    pub counts: SourceCounts,
}

/// What a run did, in items.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct SourceCounts {
    /// Those that are there.
    pub seen: u64,
    /// New ones.
    pub added: u64,
    /// Changed ones.
    pub updated: u64,
    /// Those that rest.
    pub unchanged: u64,
    /// Those that are gone.
    pub deleted: u64,
    /// Those that could not be taken, or not be read after they were.
    pub failed: u64,
    /// Bytes of what was taken.
    pub bytes: u64,
}

/// A run that ended.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SourceRun {
    /// When it began.
    pub started_at: Option<i64>,
    /// When it ended.
    pub finished_at: i64,
    /// `completed`, `failed`, `held` or `paused`.
    pub outcome: String,
    /// Why it failed.
    pub error: Option<String>,
    /// What it did.
    pub counts: SourceCounts,
}

/// What is held of a thing at a source.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SourceItem {
    /// `item_…`
    pub id: String,
    /// Always `source.item`.
    pub object: &'static str,
    /// What names it at the source: a path, an address, a message's id.
    pub key: String,
    /// A file name.
    pub name: String,
    /// `ready`, `pending`, `failed` or `removed`.
    pub state: String,
    /// The file that answers.
    pub file_id: Option<String>,
    /// The newer version that is being read.
    pub pending_file_id: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// Failures in a row.
    pub attempts: i64,
    /// When it is tried again by itself.
    pub retry_at: Option<i64>,
    /// Its size, where the source says it.
    pub bytes: Option<i64>,
    /// When it was last changed at the source.
    pub modified_at: Option<i64>,
    /// When anything of this last changed.
    pub updated_at: i64,
}

/// A source that is removed.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RemovedSource {
    /// The source.
    pub id: String,
    /// Always `source.deleted`.
    pub object: &'static str,
    /// Whether it is gone with its files; a large one goes on being deleted.
    pub deleted: bool,
}
