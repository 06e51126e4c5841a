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
    /// Ends the job, which is done, within the transaction that records its outcome. Nothing is
    /// left of it.
    ///
    /// # Errors
    /// `Conflict` when the lease was lost to another worker: drop the transaction.
    pub async fn complete(&self, tx: &mut Tx) -> Result<()> {
        let done =
            sqlx::query("DELETE FROM jobs WHERE id = $1 AND fence = $2 AND status = 'running'")
                .bind(&self.id)
                .bind(self.fence)
                .execute(&mut **tx)
                .await
                .or_internal("completing a job")?;
        if done.rows_affected() == 0 {
            return Err(lost(self));
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

/// Claims a job: `$1` its kind, `$2` now, `$3` until when it is leased. Of each tenant that has
/// some queued only the oldest due one is looked at, beside those whose lease has run out; the
/// tenants are found one after the other in the index, since most jobs are the same few tenants'.
const CLAIM: &str = "UPDATE jobs SET status = 'running', fence = fence + 1, \
     attempts = attempts + 1, lease_until = $3 WHERE id = (WITH RECURSIVE waiting (tenant) AS ( \
     SELECT MIN(tenant_id) FROM jobs WHERE status = 'queued' AND kind = $1 \
     UNION ALL SELECT (SELECT MIN(n.tenant_id) FROM jobs n WHERE n.status = 'queued' \
     AND n.kind = $1 AND n.tenant_id > waiting.tenant) FROM waiting \
     WHERE waiting.tenant IS NOT NULL) \
     SELECT j.id FROM jobs j WHERE j.id IN (SELECT (SELECT q.id FROM jobs q \
     WHERE q.status = 'queued' AND q.kind = $1 AND q.tenant_id = waiting.tenant \
     AND q.run_at <= $2 ORDER BY q.run_at, q.id LIMIT 1) FROM waiting \
     UNION ALL SELECT l.id FROM jobs l WHERE l.status = 'running' AND l.kind = $1 \
     AND l.lease_until < $2) \
     ORDER BY (SELECT COUNT(*) FROM jobs r WHERE r.status = 'running' AND r.kind = $1 \
     AND r.tenant_id = j.tenant_id), j.run_at, j.id LIMIT 1) \
     RETURNING id, tenant_id, principal_id, role, payload, attempts, max_attempts, fence";

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
    /// running ones, then the oldest. It takes as long however many jobs wait.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn claim(&self, kind: &str) -> Result<Option<Job>> {
        let mut tx = self.records.begin().await?;
        // Its turn may have taken long to come.
        let now = self.records.clock().now();
        let job = sqlx::query_as(CLAIM)
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

    /// Puts a job back within a transaction, behind those that wait, to be gone on with after
    /// `delay`: it has done a part of its work, or must wait for others. Call [`Queue::wake`]
    /// after the commit.
    ///
    /// # Errors
    /// `Conflict` when the lease was lost to another worker: drop the transaction.
    pub async fn later(&self, tx: &mut Tx, job: &Job, delay: Duration) -> Result<()> {
        let run_at = self.records.clock().now() + millis(delay);
        let done = sqlx::query(
            "UPDATE jobs SET status = 'queued', run_at = $3, attempts = attempts - 1, \
             lease_until = 0 WHERE id = $1 AND fence = $2 AND status = 'running'",
        )
        .bind(&job.id)
        .bind(job.fence)
        .bind(run_at)
        .execute(&mut **tx)
        .await
        .or_internal("putting a job back")?;
        if done.rows_affected() == 0 {
            return Err(lost(job));
        }
        Ok(())
    }

    /// As [`Queue::later`], with another payload from then on.
    ///
    /// # Errors
    /// As [`Queue::later`].
    pub async fn later_with(
        &self,
        tx: &mut Tx,
        job: &Job,
        (payload, delay): (&str, Duration),
    ) -> Result<()> {
        sqlx::query(
            "UPDATE jobs SET payload = $3 WHERE id = $1 AND fence = $2 AND status = 'running'",
        )
        .bind(&job.id)
        .bind(job.fence)
        .bind(payload)
        .execute(&mut **tx)
        .await
        .or_internal("changing a job")?;
        self.later(tx, job, delay).await
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
        let rows: Vec<(String, i64)> =
            sqlx::query_as("SELECT status, COUNT(*) FROM jobs GROUP BY status")
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

fn lost(job: &Job) -> Error {
    Error::new(Kind::Conflict, format!("the lease of job {} was lost", job.id))
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
