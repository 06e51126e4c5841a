//! When sources run: as often as they say, when somebody asks, and when a failed item is
//! worth another try. No tenant has more than a few runs at once, so that one with many
//! sources does not keep the others waiting.

use std::time::Duration;

use cairn_kernel::{Id, Result, ResultExt as _, Shutdown};
use cairn_store::records::RunsAllowed;
use serde::{Deserialize, Serialize};

use super::Sources;
use crate::accounts::scope_of_source;

/// The kind of the jobs.
pub(super) const KIND: &str = "sync";
/// Claims after which a run that fails inside the server is given up.
const ATTEMPTS: i64 = 5;
/// How often the times are looked at without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Sources begun in one round.
const ROUND: i64 = 100;
/// Runs at once of one tenant, and of all where a tenant has its second or third. The rest of
/// [`RUNS`](super::run::RUNS) is for tenants that have none: theirs begins at once.
const ALLOWED: RunsAllowed = RunsAllowed { each: 3, shared: 6 };

/// What a run is to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Work {
    /// The source.
    pub(super) source: Id,
    /// Whether the place is listed; else only failed items are tried again.
    pub(super) scan: bool,
    /// Whether it may delete however much is gone.
    pub(super) confirmed: bool,
    /// Whether everything that failed is tried again.
    pub(super) retried: bool,
}

impl Sources {
    /// Enqueues runs and finishes removals, until a stop.
    pub(crate) async fn keep(&self, shutdown: Shutdown) {
        loop {
            if let Err(error) = self.round().await {
                tracing::warn!(error = %error.detail(), "sources will be looked at again");
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    async fn round(&self) -> Result<()> {
        let (records, queue) = (&self.parts.records, &self.parts.queue);
        for row in records.sources_to_remove(ROUND).await? {
            let scope = scope_of_source(&row)?;
            self.clear(&scope, &Id::from_raw(row.id), None).await?;
        }
        for row in records.due_sources(ALLOWED, ROUND).await? {
            let scope = scope_of_source(&row)?;
            let source = Id::from_raw(row.id);
            let mut tx = records.begin().await?;
            let asked = records.queue_source(&mut tx, &scope, &source, ALLOWED).await?;
            let Some(asked) = asked else { continue };
            let work = Work {
                source,
                scan: asked.requested != 0 || asked.next_run_at <= records.clock().now(),
                confirmed: asked.confirmed != 0,
                retried: asked.retried != 0,
            };
            let payload = serde_json::to_string(&work).or_internal("writing a job")?;
            queue.enqueue(&mut tx, &scope, KIND, &payload, ATTEMPTS).await?;
            tx.commit().await.or_internal("enqueueing a run of a source")?;
            queue.wake();
        }
        Ok(())
    }
}
