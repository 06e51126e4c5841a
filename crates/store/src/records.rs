//! The record store: connections, transactions, and one module for each noun.

mod access;
mod accounts;
mod attachments;
mod batches;
mod chunks;
mod compaction;
mod conversations;
mod datasets;
mod direct;
mod erasures;
mod evaluations;
mod files;
mod generations;
mod judgements;
mod keys;
mod models;
mod origins;
mod owners;
mod provenance;
mod questions;
mod rankings;
mod remembered;
mod responses;
mod revision;
mod rollouts;
mod runs;
mod schedules;
mod source_items;
mod sources;
mod stores;
mod tenants;
mod texts;
mod thresholds;
mod upkeep;
mod uploads;
mod usage;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cairn_kernel::{Clock, Id, Kind, Result, ResultExt};
use sqlx::SqlitePool;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};

pub use accounts::{KeyRow, NewKeyRow, TenantRow};
pub use attachments::HeldAttachment;
pub use chunks::{
    ChunkRow, NewChunk, NewCut, NewParent, PointPlace, above, decode_vector, indexed_text,
};
pub use conversations::{ConversationRow, ItemRow, NewItem};
pub use datasets::DatasetRow;
pub use erasures::{ErasureRow, NewErasure};
pub use evaluations::{EvaluationEnd, EvaluationResultRow, EvaluationRow, NewEvaluationResult};
pub use files::FileRow;
pub use generations::{
    BuildProgress, Flip, GenerationRow, LiveIndex, NewGeneration, Recut, Reread, RereadCounts,
};
pub use judgements::JudgedWordsRow;
pub use keys::KeyChanges;
pub use models::{ModelRow, ModelVersionRow, NewModelVersion};
pub use origins::{Origin, SOURCE_DELETED};
pub use provenance::PassageFate;
pub use questions::{ChunkPlace, QuestionCount, QuestionRow, QuestionSetRow};
pub use rankings::{ActiveRow, AnsweringFile, AskedStore, NeighbourRow, OutlineRow, RankingRow};
pub use remembered::RememberedRow;
pub use responses::{Append, Keeping, ResponseRow};
pub use rollouts::{NewRolloutEvent, RolloutChange, RolloutEventRow, RolloutRow};
pub use runs::RunRow;
pub use schedules::{DocumentsSince, ScheduleRow, StoreState};
pub use source_items::{
    HeldItem, NewerVersion, PendingItem, SourceItemCount, SourceItemFacts, SourceItemRow,
};
pub use sources::{RunsAllowed, SourceAsked, SourceEnd, SourceRow};
pub use stores::{Attachment, FileCounts, StoreFileRow, StoreRow};
pub use texts::{ShownText, TextRow};
pub use thresholds::ThresholdRow;
pub use uploads::{PartRow, UploadRow};
pub use usage::{UsageEntry, UsageRow};

use compaction::Compaction;
use direct::Direct;
use revision::Revisions;

/// What a caller is told whose turn to write does not come.
const BUSY: &str = "the record store is busy; try again";

/// A write transaction; dropped without [`Tx::commit`] it leaves no trace.
pub type Tx = sqlx::Transaction<'static, sqlx::Sqlite>;

/// The record store. Clones share the connections.
#[derive(Clone, Debug)]
pub struct Records {
    read: SqlitePool,
    direct: Arc<Direct>,
    write: SqlitePool,
    clock: Clock,
    revision: Arc<Revisions>,
    compaction: Arc<Compaction>,
}

impl Records {
    /// Opens (or makes) the database at `file` and brings its schema up to date.
    ///
    /// # Errors
    /// `Internal` when the file cannot be opened or a migration fails.
    pub async fn open(file: &Path, clock: Clock) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(file)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10))
            .pragma("secure_delete", "on");
        let opening = format!("opening the record store {}", file.display());
        // A connection is a thread of this process. Asking it before each query whether it is still
        // there costs a change of threads there and back, as long as a short query.
        let pool = || SqlitePoolOptions::new().test_before_acquire(false);
        // SQLite has one writer at a time; one connection makes the others wait in line.
        let revision = Arc::new(Revisions::default());
        let write = revision
            .watch(pool())
            .max_connections(1)
            .acquire_timeout(Duration::from_secs(60))
            .connect_with(options.clone())
            .await
            .or_internal(&opening)?;
        sqlx::migrate!("migrations/sqlite")
            .run(&write)
            .await
            .or_internal("migrating the records")?;
        let read = pool()
            .min_connections(1)
            .max_connections(8)
            .connect_with(options.read_only(true))
            .await
            .or_internal(&opening)?;
        let direct = Direct::new(file);
        Ok(Self { read, direct, write, clock, revision, compaction: Arc::default() })
    }

    /// Begins a write transaction. Others wait until it ends, so keep it short.
    ///
    /// # Errors
    /// `Unavailable` when no turn comes within a minute in which the database was not written
    /// anew.
    pub async fn begin(&self) -> Result<Tx> {
        self.compaction.turn(|| self.write.begin()).await.or_kind(Kind::Unavailable, BUSY)
    }

    /// A number that changes with every change to keys, tenants, and models with their
    /// versions and aliases, or `None` while one is under way. What was read at one
    /// revision holds until it is another.
    pub fn revision(&self) -> Option<u64> {
        self.revision.kept.settled()
    }

    /// The connections for reading.
    pub fn reader(&self) -> &SqlitePool {
        &self.read
    }

    /// The clock that stamps rows.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Writes the log back into the database and closes every connection.
    pub async fn close(&self) {
        self.direct.close();
        self.read.close().await;
        self.write.close().await;
    }
}

/// Commits, as our error.
pub(crate) async fn commit(tx: Tx) -> Result<()> {
    tx.commit().await.or_internal("committing to the record store")
}

/// The order of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Order {
    /// Oldest first.
    Ascending,
    /// Newest first, OpenAI's default.
    #[default]
    Descending,
}

impl Order {
    fn reversed(self) -> Self {
        match self {
            Self::Ascending => Self::Descending,
            Self::Descending => Self::Ascending,
        }
    }
}

/// A cursor page in `order`: the `limit` items behind `after`, or the `limit` items
/// in front of `before`.
#[derive(Clone, Debug)]
pub struct Page {
    /// Most items to return.
    pub limit: i64,
    /// Newest or oldest first.
    pub order: Order,
    /// The id the page starts behind.
    pub after: Option<Id>,
    /// The id the page ends in front of; counts only without `after`.
    pub before: Option<Id>,
}

impl Page {
    /// The first `limit` items, newest first.
    pub fn first(limit: i64) -> Self {
        Self { limit, order: Order::Descending, after: None, before: None }
    }

    /// Whether the page is read from its end: what is in front of a cursor is nearest to it
    /// in the other order.
    pub fn is_backward(&self) -> bool {
        self.after.is_none() && self.before.is_some()
    }

    fn cursor(&self) -> &str {
        self.after.as_ref().or(self.before.as_ref()).map_or("", Id::as_str)
    }

    /// The order to read rows in.
    fn reading(&self) -> Order {
        if self.is_backward() { self.order.reversed() } else { self.order }
    }

    /// Rows as they were read, in the page's order.
    fn arrange<T>(&self, mut rows: Vec<T>) -> Vec<T> {
        if self.is_backward() {
            rows.reverse();
        }
        rows
    }
}

/// Picks the query for the page's order. Both take `$1` tenant, `$2` cursor, `$3` limit.
macro_rules! paged {
    ($page:expr, $row:ty, $($select:tt)+) => {
        match $page.reading() {
            $crate::records::Order::Ascending => sqlx::query_as::<_, $row>(concat!(
                $($select)+,
                " AND ($2 = '' OR id > $2) ORDER BY id ASC LIMIT $3"
            )),
            $crate::records::Order::Descending => sqlx::query_as::<_, $row>(concat!(
                $($select)+,
                " AND ($2 = '' OR id < $2) ORDER BY id DESC LIMIT $3"
            )),
        }
    };
}
pub(crate) use paged;

#[cfg(test)]
mod tests;
