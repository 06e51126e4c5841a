//! The usage ledger: what every request used, written after the work and never lost
//! silently.
//!
//! A commit to the records for each request would cost more than many a request. So a
//! request appends a line to a journal file, which survives the death of the process,
//! and one task folds the journal into the ledger, file by file, each exactly once.

mod journal;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use cairn_kernel::{Result, ResultExt as _, Scope, Shutdown};
use cairn_store::Records;
use cairn_store::records::{UsageEntry, UsageRow};
use tokio::sync::Mutex;

use journal::Journal;

/// How long a line may stay in the journal alone.
const FOLD_EVERY: Duration = Duration::from_millis(250);

/// Writes the ledger.
#[derive(Clone, Debug)]
pub struct Usage {
    records: Records,
    journal: Arc<Journal>,
    folding: Arc<Mutex<()>>,
}

impl Usage {
    /// A ledger in `records` with its journal in `folder`; what an earlier process left
    /// there is folded first.
    ///
    /// # Errors
    /// `Internal` when the folder cannot be read or the records refuse.
    pub async fn open(records: Records, folder: PathBuf) -> Result<Self> {
        let folded = records.usage_folded().await?;
        let journal = Arc::new(Journal::open(folder, folded)?);
        let usage = Self { records, journal, folding: Arc::default() };
        usage.fold().await?;
        Ok(usage)
    }

    /// Notes what a request used. A ledger that cannot be written is an error in the
    /// log, not a failed answer: the work is done.
    pub async fn record(&self, scope: &Scope, entry: UsageEntry) {
        let row = UsageRow::new(scope, entry, self.records.clock().now());
        let Err(cause) = self.journal.append(&row) else { return };
        tracing::warn!(error = %cause.detail(), "usage goes to the records directly");
        if let Err(error) = self.records.record_usage(std::slice::from_ref(&row)).await {
            tracing::error!(error = %error.detail(), ?row, "usage was not recorded");
        }
    }

    /// Folds the journal into the ledger until a stop, and once more then.
    pub async fn upkeep(&self, shutdown: Shutdown) {
        loop {
            let stop = tokio::select! {
                () = shutdown.requested() => true,
                () = tokio::time::sleep(FOLD_EVERY) => false,
            };
            if let Err(error) = self.fold().await {
                tracing::error!(error = %error.detail(), "the usage journal stays for the next try");
            }
            if stop {
                return;
            }
        }
    }

    /// Brings everything noted so far into the ledger.
    ///
    /// # Errors
    /// `Internal` when the records or the disk refuse; nothing is lost by that.
    pub async fn fold(&self) -> Result<()> {
        let _one_at_a_time = self.folding.lock().await;
        self.journal.seal();
        while let Some(number) = self.journal.oldest_sealed() {
            let journal = Arc::clone(&self.journal);
            let rows = tokio::task::spawn_blocking(move || journal.read(number))
                .await
                .or_internal("reading the usage journal")??;
            self.records.fold_usage(number, &rows).await?;
            self.journal.remove(number)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
