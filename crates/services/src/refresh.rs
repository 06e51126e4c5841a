//! Attributes and access lists that were changed, taken over into the indexes whatever
//! happens in between.
//!
//! The call that changes them writes the index at once, so that its caller finds what it
//! asked for. The index is not flushed for it, and the call may be broken off between its
//! commit and the index. So a job is enqueued in the transaction of the change, which
//! writes the index again, from the records as they are then, and flushes it. At start
//! such jobs are done before anything is asked.

use std::time::Duration;

use async_trait::async_trait;
use cairn_kernel::{Error, Id, Result, ResultExt, Scope};
use cairn_pipelines::{Handler, Job, Queue};
use cairn_store::{Records, Tx};
use serde::{Deserialize, Serialize};

use crate::accounts::scope_of;
use crate::projection::Projection;

/// The job's kind.
const KIND: &str = "refresh";
const ATTEMPTS: i64 = 8;
/// When a job that failed at start is tried again.
const AGAIN: Duration = Duration::from_secs(1);

/// What changed: a file, in every store that it is in.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Work {
    file: Id,
}

/// Enqueues taking a file's attributes and access list over.
///
/// # Errors
/// `Internal` when the records refuse.
pub(crate) async fn enqueue(queue: &Queue, tx: &mut Tx, scope: &Scope, file: &Id) -> Result<()> {
    let work = Work { file: file.clone() };
    let payload = serde_json::to_string(&work).or_internal("writing a job")?;
    queue.enqueue(tx, scope, KIND, &payload, ATTEMPTS).await?;
    Ok(())
}

/// Does the jobs of kind [`KIND`].
#[derive(Clone)]
pub(crate) struct Refresh {
    pub(crate) records: Records,
    pub(crate) projection: Projection,
}

impl Refresh {
    /// Does every job that is due.
    ///
    /// # Errors
    /// `Internal` when the records refuse. What an index refuses is tried again later.
    pub(crate) async fn catch_up(&self, queue: &Queue) -> Result<()> {
        while let Some(job) = queue.claim(KIND).await? {
            if let Err(error) = self.run(&job).await {
                tracing::warn!(job = job.id, error = %error.detail(), "a change is taken over later");
                queue.fail(&job, error.kind(), Some(AGAIN)).await?;
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Handler for Refresh {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn concurrency(&self) -> usize {
        1
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let scope = scope_of(job)?;
        let work: Work = serde_json::from_str(&job.payload).or_internal("reading a job")?;
        for store in self.records.attachments_of(&scope, &work.file).await? {
            let store = Id::from_raw(store);
            self.projection.push_file(&scope, &store, &work.file).await?;
            self.projection.flush(&scope, &store).await?;
        }
        let mut tx = self.records.begin().await?;
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("noting that a change was taken over")
    }

    /// The rows decide who reads what; only filters still see the old attributes.
    async fn give_up(&self, job: &Job, error: &Error) -> Result<()> {
        tracing::error!(
            job = job.id,
            error = %error.detail(),
            "the index keeps a file's old attributes; set them again, or attach the file again"
        );
        Ok(())
    }
}
