//! Training runs.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Page, Records, Tx, commit, paged};

/// A training run from the request to its result.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct RunRow {
    /// `run_…`
    pub id: String,
    /// The dataset's name.
    pub dataset: String,
    /// Its version at the time.
    pub dataset_version: i64,
    /// The snapshot's hash.
    pub dataset_sha256: String,
    /// The column to predict.
    pub target: String,
    /// Name the model gets.
    pub model: String,
    /// Seconds the search may take.
    pub budget_seconds: i64,
    /// Seed of splits and engines.
    pub seed: i64,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub status: String,
    /// `binary`, `multiclass` or `regression`, once found.
    pub task: Option<String>,
    /// What is being done.
    pub stage: String,
    /// How much of it is done, 0 to 1.
    pub fraction: f64,
    /// Why it failed and what to do.
    pub error: Option<String>,
    /// The report as JSON.
    pub result: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

impl Records {
    /// Records a run within the transaction that enqueues its job.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_run(&self, tx: &mut Tx, scope: &Scope, run: &RunRow) -> Result<()> {
        sqlx::query(
            "INSERT INTO training_runs (id, tenant_id, dataset, dataset_version, dataset_sha256, target, \
             model, budget_seconds, seed, status, stage, fraction, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        )
        .bind(&run.id)
        .bind(scope.tenant().as_str())
        .bind(&run.dataset)
        .bind(run.dataset_version)
        .bind(&run.dataset_sha256)
        .bind(&run.target)
        .bind(&run.model)
        .bind(run.budget_seconds)
        .bind(run.seed)
        .bind(&run.status)
        .bind(&run.stage)
        .bind(run.fraction)
        .bind(run.created_at)
        .execute(&mut **tx)
        .await
        .or_internal("recording a training run")?;
        Ok(())
    }

    /// One run.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such run.
    pub async fn run(&self, scope: &Scope, id: &Id) -> Result<RunRow> {
        sqlx::query_as(
            "SELECT id, dataset, dataset_version, dataset_sha256, target, model, budget_seconds, seed, \
             status, task, stage, fraction, error, result, created_at, finished_at FROM training_runs \
             WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a training run")?
        .ok_or_else(|| Error::not_found(format!("training run '{id}'")))
    }

    /// The tenant's runs.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_runs(&self, scope: &Scope, page: &Page) -> Result<Vec<RunRow>> {
        let rows = paged!(
            page,
            RunRow,
            "SELECT id, dataset, dataset_version, dataset_sha256, target, model, budget_seconds, seed, \
             status, task, stage, fraction, error, result, created_at, finished_at FROM training_runs \
             WHERE tenant_id = $1"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .fetch_all(&self.read)
        .await
        .or_internal("listing training runs")?;
        Ok(page.arrange(rows))
    }

    /// Notes how far a run is. A run that ended is not touched.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn progress_run(
        &self,
        scope: &Scope,
        id: &Id,
        stage: &str,
        fraction: f64,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE training_runs SET status = 'running', stage = $3, fraction = $4 \
             WHERE tenant_id = $1 AND id = $2 AND status IN ('queued', 'running')",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(stage)
        .bind(fraction)
        .execute(&mut *tx)
        .await
        .or_internal("noting progress")?;
        commit(tx).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Ends a run that has not ended, within a transaction. Says whether it did.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn finish_run(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &Id,
        status: &str,
        task: Option<&str>,
        outcome: Result<&str, &str>,
    ) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE training_runs SET status = $3, task = $4, result = $5, error = $6, finished_at = $7, \
             stage = $3, fraction = 1.0 \
             WHERE tenant_id = $1 AND id = $2 AND status IN ('queued', 'running')",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(status)
        .bind(task)
        .bind(outcome.ok())
        .bind(outcome.err())
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("ending a training run")?;
        Ok(done.rows_affected() > 0)
    }
}
