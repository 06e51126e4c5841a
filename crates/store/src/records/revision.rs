//! When rows that nearly every request reads have changed, so that callers may keep them;
//! and when something was deleted that an answer under way may quote.
//!
//! All writes go through one connection, and SQLite tells of every row that it changes.
//! From the first change to a watched table until that connection is handed back, the
//! change committed or not, there is no revision; after that there is a new one. So what
//! a request sees after a write that has returned is never older than that write, and no
//! writer can forget to say so, not even one whose caller went away in the middle.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnection, SqliteOperation, SqlitePoolOptions};

/// The tables whose rows may be kept.
const WATCHED: [&str; 5] = ["tenants", "api_keys", "models", "model_versions", "model_aliases"];

/// The tables whose rows answers quote.
const QUOTED: [&str; 2] = ["files", "vector_stores"];

/// What is counted of the one connection for writing.
#[derive(Debug, Default)]
pub(super) struct Revisions {
    /// Changes to rows that may be kept.
    pub(super) kept: Revision,
    /// Deletes of what answers quote.
    pub(super) deletes: Revision,
}

/// Counts changes: odd while one is under way.
#[derive(Debug, Default)]
pub(super) struct Revision(AtomicU64);

impl Revision {
    /// The revision, or `None` while a change is under way.
    pub(super) fn settled(&self) -> Option<u64> {
        let now = self.0.load(Ordering::SeqCst);
        now.is_multiple_of(2).then_some(now)
    }

    fn begin(&self) {
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            now.is_multiple_of(2).then_some(now + 1)
        });
    }

    fn end(&self) {
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |now| {
            (now % 2 == 1).then_some(now + 1)
        });
    }
}

impl Revisions {
    fn end(&self) {
        self.kept.end();
        self.deletes.end();
    }

    /// Watches the one connection of a pool of writers.
    pub(super) fn watch(self: &Arc<Self>, writers: SqlitePoolOptions) -> SqlitePoolOptions {
        let (opened, released) = (Arc::clone(self), Arc::clone(self));
        writers
            .after_connect(move |connection, _| {
                let revision = Arc::clone(&opened);
                Box::pin(async move {
                    // The connection before this one is gone, and its change with it.
                    revision.end();
                    watch(connection, revision).await
                })
            })
            .after_release(move |connection, _| {
                let revision = Arc::clone(&released);
                Box::pin(async move {
                    // A commit whose caller went away may still be in line; this waits behind it.
                    connection.ping().await?;
                    revision.end();
                    Ok(true)
                })
            })
    }
}

async fn watch(
    connection: &mut SqliteConnection,
    revision: Arc<Revisions>,
) -> Result<(), sqlx::Error> {
    connection.lock_handle().await?.set_update_hook(move |change| {
        if WATCHED.contains(&change.table) {
            revision.kept.begin();
        }
        if QUOTED.contains(&change.table) && matches!(change.operation, SqliteOperation::Delete) {
            revision.deletes.begin();
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests;
