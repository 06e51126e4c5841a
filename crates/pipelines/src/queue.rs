//! The queue itself: enqueue, claim, renew, complete, fail.

use std::sync::Arc;
use std::time::Duration;

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope};
use cairn_store::{Records, Tx};
use tokio::sync::Notify;

/// A claimed job.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct Job {
    /// `job_…`
    pub id: String,
    /// Whose job it is.
    pub tenant_id: String,
    /// Who enqueued it.
    pub principal_id: String,
    /// That caller's role.
    pub role: String,
    /// What the handler needs, as JSON.
    pub payload: String,
    /// Claims so far, this one included.
    pub attempts: i64,
    /// Claims after which it is given up.
    pub max_attempts: i64,
    /// Grows with every claim.
    pub fence: i64,
}

impl Job {
    /// Marks the job done within the transaction that records its outcome.
    ///
    /// # Errors
    /// `Conflict` when the lease was lost to another worker: drop the transaction.
    pub async fn complete(&self, tx: &mut Tx) -> Result<()> {
        let done = sqlx::query(
            "UPDATE jobs SET status = 'succeeded', finished_at = run_at, error = NULL \
             WHERE id = $1 AND fence = $2 AND status = 'running'",
        )
        .bind(&self.id)
        .bind(self.fence)
        .execute(&mut **tx)
        .await
        .or_internal("completing a job")?;
        if done.rows_affected() == 0 {
            return Err(Error::new(
                Kind::Conflict,
                format!("the lease of job {} was lost", self.id),
            ));
        }
        Ok(())
    }
}

/// How many jobs are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Waiting for a worker.
    pub queued: i64,
    /// Claimed.
    pub running: i64,
    /// Given up.
    pub failed: i64,
}

/// The durable queue. Clones share it.
#[derive(Clone, Debug)]
pub struct Queue {
    records: Records,
    wake: Arc<Notify>,
}

/// How long a claim holds without a renewal.
pub(crate) const LEASE: Duration = Duration::from_secs(60);

impl Queue {
    /// A queue in `records`.
    pub fn new(records: Records) -> Self {
        Self { records, wake: Arc::default() }
    }

    /// Enqueues a job within a transaction. Call [`Queue::wake`] after its commit.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn enqueue(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        kind: &str,
        payload: &str,
        max_attempts: i64,
    ) -> Result<Id> {
        let id = Id::generate("job_");
        let now = self.records.clock().now();
        sqlx::query(
            "INSERT INTO jobs (id, tenant_id, principal_id, role, kind, payload, status, run_at, \
             max_attempts, created_at) VALUES ($1, $2, $3, $4, $5, $6, 'queued', $7, $8, $7)",
        )
        .bind(id.as_str())
        .bind(scope.tenant().as_str())
        .bind(scope.principal().as_str())
        .bind(scope.role().as_str())
        .bind(kind)
        .bind(payload)
        .bind(now)
        .bind(max_attempts)
        .execute(&mut **tx)
        .await
        .or_internal("enqueueing a job")?;
        Ok(id)
    }

    /// Tells idle workers to look again.
    pub fn wake(&self) {
        self.wake.notify_waiters();
    }

    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }

    /// Frees the leases of a process that is gone. The embedded queue has one
    /// process, so at its start every lease is such a one. What was interrupted is no
    /// attempt: a job gives up over its own failures only.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn recover(&self) -> Result<u64> {
        let mut tx = self.records.begin().await?;
        let freed = sqlx::query(
            "UPDATE jobs SET status = 'queued', lease_until = 0, attempts = attempts - 1 \
             WHERE status = 'running'",
        )
        .execute(&mut *tx)
        .await
        .or_internal("freeing old leases")?;
        tx.commit().await.or_internal("freeing old leases")?;
        Ok(freed.rows_affected())
    }

    /// Claims the next due job of `kind`: first those of tenants with the fewest
    /// running ones, then the oldest.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn claim(&self, kind: &str) -> Result<Option<Job>> {
        let now = self.records.clock().now();
        let mut tx = self.records.begin().await?;
        let job = sqlx::query_as(
            "UPDATE jobs SET status = 'running', fence = fence + 1, attempts = attempts + 1, \
             lease_until = $3 WHERE id = (SELECT j.id FROM jobs j WHERE j.kind = $1 \
             AND ((j.status = 'queued' AND j.run_at <= $2) \
             OR (j.status = 'running' AND j.lease_until < $2)) \
             ORDER BY (SELECT COUNT(*) FROM jobs r WHERE r.tenant_id = j.tenant_id AND r.kind = j.kind \
             AND r.status = 'running'), j.run_at, j.id LIMIT 1) \
             RETURNING id, tenant_id, principal_id, role, payload, attempts, max_attempts, fence",
        )
        .bind(kind)
        .bind(now)
        .bind(now + millis(LEASE))
        .fetch_optional(&mut *tx)
        .await
        .or_internal("claiming a job")?;
        tx.commit().await.or_internal("claiming a job")?;
        Ok(job)
    }

    /// Prolongs a lease; says whether it was still held.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn renew(&self, job: &Job) -> Result<bool> {
        let mut tx = self.records.begin().await?;
        let until = self.records.clock().now() + millis(LEASE);
        let done = sqlx::query(
            "UPDATE jobs SET lease_until = $3 WHERE id = $1 AND fence = $2 AND status = 'running'",
        )
        .bind(&job.id)
        .bind(job.fence)
        .bind(until)
        .execute(&mut *tx)
        .await
        .or_internal("renewing a lease")?;
        tx.commit().await.or_internal("renewing a lease")?;
        Ok(done.rows_affected() > 0)
    }

    /// Puts a job back that a stop interrupts, as if it had not been claimed.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn hand_back(&self, job: &Job) -> Result<()> {
        let mut tx = self.records.begin().await?;
        sqlx::query(
            "UPDATE jobs SET status = 'queued', lease_until = 0, attempts = attempts - 1 \
             WHERE id = $1 AND fence = $2 AND status = 'running'",
        )
        .bind(&job.id)
        .bind(job.fence)
        .execute(&mut *tx)
        .await
        .or_internal("handing a job back")?;
        tx.commit().await.or_internal("handing a job back")
    }

    /// Puts a job back to be tried again after `delay`, or, with none, gives it up. Of the
    /// error its kind is kept: a job outlives what it read, and the log has the words.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn fail(&self, job: &Job, error: Kind, delay: Option<Duration>) -> Result<()> {
        let now = self.records.clock().now();
        let (status, run_at) = match delay {
            Some(delay) => ("queued", now + millis(delay)),
            None => ("failed", now),
        };
        let mut tx = self.records.begin().await?;
        sqlx::query(
            "UPDATE jobs SET status = $3, run_at = $4, error = $5, lease_until = 0 \
             WHERE id = $1 AND fence = $2 AND status = 'running'",
        )
        .bind(&job.id)
        .bind(job.fence)
        .bind(status)
        .bind(run_at)
        .bind(error.name())
        .execute(&mut *tx)
        .await
        .or_internal("putting a job back")?;
        tx.commit().await.or_internal("putting a job back")
    }

    /// How many jobs are in which state, over all tenants.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn depth(&self) -> Result<Depth> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT status, COUNT(*) FROM jobs WHERE status <> 'succeeded' GROUP BY status",
        )
        .fetch_all(self.records.reader())
        .await
        .or_internal("counting jobs")?;
        let mut depth = Depth::default();
        for (status, count) in rows {
            match status.as_str() {
                "queued" => depth.queued = count,
                "running" => depth.running = count,
                _ => depth.failed += count,
            }
        }
        Ok(depth)
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}
