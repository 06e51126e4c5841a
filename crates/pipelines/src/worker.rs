//! Workers: claim, run under a renewed lease, complete or put back.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cairn_kernel::{Error, Kind, Result, Shutdown, Tasks};

use crate::queue::LEASE;
use crate::{Job, Queue};

/// What is done with the jobs of one kind.
#[async_trait]
pub trait Handler: Send + Sync + 'static {
    /// The kind, as it was enqueued.
    fn kind(&self) -> &'static str;

    /// How many jobs of this kind may run at once.
    fn concurrency(&self) -> usize;

    /// Does the work. It records its outcome and calls [`Job::complete`] in one transaction.
    ///
    /// # Errors
    /// A retryable kind is tried again with backoff; any other is given up.
    async fn run(&self, job: &Job) -> Result<()>;

    /// Records that the job is given up, before the queue does.
    ///
    /// # Errors
    /// When that cannot be recorded; it is tried again.
    async fn give_up(&self, job: &Job, error: &Error) -> Result<()>;
}

/// How often an idle worker looks without being woken.
const IDLE: Duration = Duration::from_secs(2);

/// Starts the workers of `handler` among `tasks`.
pub fn run(tasks: &Tasks, queue: &Queue, handler: &Arc<dyn Handler>) {
    for _ in 0..handler.concurrency() {
        let worker = Worker { queue: queue.clone(), handler: Arc::clone(handler) };
        let shutdown = tasks.shutdown();
        tasks.spawn(handler.kind(), async move { worker.work(&shutdown).await });
    }
}

struct Worker {
    queue: Queue,
    handler: Arc<dyn Handler>,
}

impl Worker {
    async fn work(&self, shutdown: &Shutdown) {
        while !shutdown.is_requested() {
            match self.queue.claim(self.handler.kind()).await {
                Ok(Some(job)) => {
                    // A stop interrupts the work; its lease is freed at the next start.
                    tokio::select! {
                        () = self.attend(&job) => {}
                        () = shutdown.requested() => self.hand_back(&job).await,
                    }
                }
                Ok(None) => self.pause(shutdown).await,
                Err(error) => {
                    tracing::error!(error = %error.detail(), "claiming a job failed");
                    self.pause(shutdown).await;
                }
            }
        }
    }

    async fn pause(&self, shutdown: &Shutdown) {
        tokio::select! {
            () = self.queue.woken() => {}
            () = tokio::time::sleep(IDLE) => {}
            () = shutdown.requested() => {}
        }
    }

    async fn hand_back(&self, job: &Job) {
        if let Err(error) = self.queue.hand_back(job).await {
            tracing::warn!(job = job.id, error = %error.detail(), "a job keeps its lease");
        }
    }

    async fn attend(&self, job: &Job) {
        let kind = self.handler.kind();
        let started = Instant::now();
        let outcome = tokio::select! {
            outcome = self.handler.run(job) => outcome,
            lost = self.keep_lease(job) => Err(lost),
        };
        let label = match &outcome {
            Ok(()) => "succeeded",
            Err(_) => "failed",
        };
        metrics::counter!("cairn_jobs_total", "kind" => kind, "outcome" => label).increment(1);
        metrics::histogram!("cairn_job_seconds", "kind" => kind)
            .record(started.elapsed().as_secs_f64());
        if let Err(error) = outcome {
            self.settle_failure(job, &error).await;
        }
    }

    async fn keep_lease(&self, job: &Job) -> Error {
        loop {
            tokio::time::sleep(LEASE / 3).await;
            if let Ok(false) = self.queue.renew(job).await {
                return Error::new(Kind::Conflict, format!("the lease of job {} was lost", job.id));
            }
        }
    }

    async fn settle_failure(&self, job: &Job, error: &Error) {
        let kind = self.handler.kind();
        if error.kind() == Kind::Conflict {
            tracing::info!(job = job.id, kind, error = %error.detail(), "job overtaken");
            return;
        }
        let internal = error.kind() == Kind::Internal;
        let again = (error.kind().retryable() || internal) && job.attempts < job.max_attempts;
        tracing::warn!(job = job.id, kind, attempt = job.attempts, again, error = %error.detail(), "job failed");
        let delay = again.then(|| backoff(job.attempts));
        if delay.is_none()
            && let Err(unrecorded) = self.handler.give_up(job, error).await
        {
            tracing::error!(job = job.id, error = %unrecorded.detail(), "a failure was not recorded");
            let _ = self.queue.fail(job, error.kind(), Some(backoff(job.attempts))).await;
            return;
        }
        if let Err(failed) = self.queue.fail(job, error.kind(), delay).await {
            tracing::error!(job = job.id, error = %failed.detail(), "a job's failure was not recorded");
        }
    }
}

fn backoff(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(0, 8)).unwrap_or(8);
    Duration::from_millis(250) * 2_u32.pow(doublings)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use cairn_kernel::{Clock, Id, ResultExt, Role, Scope};
    use cairn_store::Records;

    use super::*;

    struct Counting {
        records: Records,
        runs: AtomicUsize,
        given_up: AtomicUsize,
        fail_first: usize,
        kind_of_failure: Kind,
    }

    #[async_trait]
    impl Handler for Counting {
        fn kind(&self) -> &'static str {
            "count"
        }

        fn concurrency(&self) -> usize {
            2
        }

        async fn run(&self, job: &Job) -> Result<()> {
            let run = self.runs.fetch_add(1, Ordering::SeqCst);
            if run < self.fail_first {
                return Err(Error::new(self.kind_of_failure, "not yet"));
            }
            let mut tx = self.records.begin().await?;
            job.complete(&mut tx).await?;
            tx.commit().await.or_internal("committing")
        }

        async fn give_up(&self, _: &Job, _: &Error) -> Result<()> {
            self.given_up.fetch_add(1, Ordering::SeqCst);
            Ok(())
        }
    }

    async fn scene() -> Result<(Records, Queue, Scope, tempfile::TempDir)> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let records = Records::open(&dir.path().join("r.db"), Clock::system()).await?;
        let tenant = records.ensure_tenant("t").await?;
        let scope = Scope::grant(Id::from_raw(tenant.id), Id::from_raw("k"), Role::Editor);
        Ok((records.clone(), Queue::new(records), scope, dir))
    }

    async fn enqueue(records: &Records, queue: &Queue, scope: &Scope) -> Result<()> {
        let mut tx = records.begin().await?;
        queue.enqueue(&mut tx, scope, "count", "{}", 3).await?;
        tx.commit().await.or_internal("committing")?;
        queue.wake();
        Ok(())
    }

    async fn run_until(
        fail_first: usize,
        kind_of_failure: Kind,
        done: impl Fn(&Counting, Depthish) -> bool,
    ) -> Result<(usize, usize)> {
        let (records, queue, scope, _dir) = scene().await?;
        let handler = Arc::new(Counting {
            records: records.clone(),
            runs: AtomicUsize::new(0),
            given_up: AtomicUsize::new(0),
            fail_first,
            kind_of_failure,
        });
        let tasks = Tasks::new();
        let shared: Arc<dyn Handler> = Arc::clone(&handler) as _;
        run(&tasks, &queue, &shared);
        enqueue(&records, &queue, &scope).await?;
        let deadline = Instant::now() + Duration::from_secs(10);
        while Instant::now() < deadline {
            let depth = queue.depth().await?;
            if done(&handler, (depth.queued, depth.running, depth.failed)) {
                break;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(tasks.stop(Duration::from_secs(2)).await.is_empty());
        Ok((handler.runs.load(Ordering::SeqCst), handler.given_up.load(Ordering::SeqCst)))
    }

    type Depthish = (i64, i64, i64);

    #[tokio::test]
    async fn a_job_that_fails_for_now_is_tried_again_and_done_once() -> Result<()> {
        let (runs, given_up) = run_until(1, Kind::Unavailable, |handler, depth| {
            handler.runs.load(Ordering::SeqCst) == 2 && depth == (0, 0, 0)
        })
        .await?;
        assert_eq!((runs, given_up), (2, 0));
        Ok(())
    }

    #[tokio::test]
    async fn a_job_that_cannot_succeed_is_given_up_at_once() -> Result<()> {
        let (runs, given_up) =
            run_until(9, Kind::Unprocessable, |_, depth| depth == (0, 0, 1)).await?;
        assert_eq!((runs, given_up), (1, 1));
        Ok(())
    }

    #[tokio::test]
    async fn a_lost_lease_cannot_complete() -> Result<()> {
        let (records, queue, scope, _dir) = scene().await?;
        enqueue(&records, &queue, &scope).await?;
        let first = queue.claim("count").await?.ok_or_else(|| Error::internal("no job"))?;
        queue.recover().await?;
        let second = queue.claim("count").await?.ok_or_else(|| Error::internal("no job"))?;
        assert!(second.fence > first.fence);
        assert_eq!(second.attempts, 1, "an interruption is no attempt");
        let mut tx = records.begin().await?;
        assert_eq!(first.complete(&mut tx).await.map_err(|e| e.kind()), Err(Kind::Conflict));
        second.complete(&mut tx).await?;
        tx.commit().await.or_internal("committing")
    }

    #[tokio::test]
    async fn a_job_that_is_gone_on_with_later_goes_behind_those_that_wait() -> Result<()> {
        let (records, queue, scope, _dir) = scene().await?;
        enqueue(&records, &queue, &scope).await?;
        let long = queue.claim("count").await?.ok_or_else(|| Error::internal("no job"))?;
        enqueue(&records, &queue, &scope).await?;
        let mut tx = records.begin().await?;
        queue.later(&mut tx, &long, Duration::from_millis(1)).await?;
        assert!(queue.later(&mut tx, &long, Duration::ZERO).await.is_err(), "it is not held");
        tx.commit().await.or_internal("committing")?;
        let next = queue.claim("count").await?.ok_or_else(|| Error::internal("no job"))?;
        assert_ne!(next.id, long.id);
        tokio::time::sleep(Duration::from_millis(5)).await;
        let again = queue.claim("count").await?.ok_or_else(|| Error::internal("no job"))?;
        assert_eq!((again.id, again.attempts), (long.id, 1), "a part of the work is no attempt");
        Ok(())
    }
}
