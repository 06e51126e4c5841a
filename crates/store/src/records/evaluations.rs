//! Evaluations: runs over question sets, and what came of each question.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::questions::file_there;
use super::{Page, Records, Tx, commit, paged};

/// A run from the request to its report.
#[derive(Clone, Debug, PartialEq, sqlx::FromRow)]
pub struct EvaluationRow {
    /// `eval_…`
    pub id: String,
    /// The vector store that is asked.
    pub store_id: String,
    /// The question set.
    pub set_id: String,
    /// What is done, as JSON.
    pub plan: String,
    /// `queued`, `running`, `succeeded`, `failed` or `cancelled`.
    pub status: String,
    /// What is being done.
    pub stage: String,
    /// How much of it is done, 0 to 1.
    pub fraction: f64,
    /// Why it failed and what to do.
    pub error: Option<String>,
    /// The report as JSON.
    pub result: Option<String>,
    /// 1 when it was worse than the run before it, 0 when not, `None` without such a run.
    pub worse: Option<i64>,
    /// The schedule that began it.
    pub schedule_id: Option<String>,
    /// Why that did: `time`, `reindex`, `ranking`, `documents` or `request`.
    pub occasion: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What one configuration made of one question, to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewEvaluationResult {
    /// Which configuration of the plan, from 0.
    pub configuration: i64,
    /// The question.
    pub question: String,
    /// Its measurements as JSON, without a word of any document.
    pub outcome: String,
    /// What was answered, as JSON.
    pub answer: Option<String>,
    /// The files that the answer rests on.
    pub sources: Vec<String>,
}

/// What one configuration made of one question.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct EvaluationResultRow {
    /// `evr_…`
    pub id: String,
    /// Which configuration of the plan, from 0.
    pub configuration: i64,
    /// The question.
    pub question_id: String,
    /// The question's words, unless it was deleted since.
    pub text: Option<String>,
    /// Its measurements as JSON.
    pub outcome: String,
    /// What was answered, as JSON; `None` too when a file it rests on was deleted.
    pub answer: Option<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvaluationEnd<'a> {
    /// With a report, and whether it was worse than the run before it.
    Succeeded {
        /// The report as JSON.
        result: &'a str,
        /// `None` without a run before it.
        worse: Option<bool>,
    },
    /// With this error.
    Failed(&'a str),
    /// By the caller.
    Cancelled,
}

fn missing(id: &Id) -> Error {
    Error::not_found(format!("evaluation '{id}'"))
}

impl Records {
    /// Records a run within the transaction that enqueues its job.
    ///
    /// # Errors
    /// `Internal` when the database refuses (also when the question set is gone).
    pub async fn insert_evaluation(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        row: &EvaluationRow,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO evaluations (id, tenant_id, store_id, set_id, plan, status, stage, fraction, \
             created_at, schedule_id, occasion) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(&row.id)
        .bind(scope.tenant().as_str())
        .bind(&row.store_id)
        .bind(&row.set_id)
        .bind(&row.plan)
        .bind(&row.status)
        .bind(&row.stage)
        .bind(row.fraction)
        .bind(row.created_at)
        .bind(&row.schedule_id)
        .bind(&row.occasion)
        .execute(&mut **tx)
        .await
        .or_internal("recording an evaluation")?;
        Ok(())
    }

    /// One run.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such run.
    pub async fn evaluation(&self, scope: &Scope, id: &Id) -> Result<EvaluationRow> {
        sqlx::query_as(
            "SELECT id, store_id, set_id, plan, status, stage, fraction, error, result, worse, \
             schedule_id, occasion, created_at, finished_at FROM evaluations WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading an evaluation")?
        .ok_or_else(|| missing(id))
    }

    /// The tenant's runs, of one store, of one question set and of one schedule if given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_evaluations(
        &self,
        scope: &Scope,
        store: Option<&Id>,
        (set, schedule): (Option<&Id>, Option<&Id>),
        page: &Page,
    ) -> Result<Vec<EvaluationRow>> {
        let rows = paged!(
            page,
            EvaluationRow,
            "SELECT id, store_id, set_id, plan, status, stage, fraction, error, result, worse, \
             schedule_id, occasion, created_at, finished_at FROM evaluations WHERE tenant_id = $1 \
             AND ($4 = '' OR store_id = $4) AND ($5 = '' OR set_id = $5) \
             AND ($6 = '' OR schedule_id = $6)"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(store.map_or("", Id::as_str))
        .bind(set.map_or("", Id::as_str))
        .bind(schedule.map_or("", Id::as_str))
        .fetch_all(&self.read)
        .await
        .or_internal("listing evaluations")?;
        Ok(page.arrange(rows))
    }

    /// The newest runs of a question set that succeeded, up to the one named and without
    /// it, newest first; of one schedule if given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn evaluations_before(
        &self,
        scope: &Scope,
        (set, schedule): (&Id, Option<&str>),
        id: &Id,
        limit: i64,
    ) -> Result<Vec<EvaluationRow>> {
        sqlx::query_as(
            "SELECT id, store_id, set_id, plan, status, stage, fraction, error, result, worse, \
             schedule_id, occasion, created_at, finished_at FROM evaluations WHERE tenant_id = $1 AND set_id = $2 \
             AND id < $3 AND status = 'succeeded' AND ($5 = '' OR schedule_id = $5) \
             ORDER BY id DESC LIMIT $4",
        )
        .bind(scope.tenant().as_str())
        .bind(set.as_str())
        .bind(id.as_str())
        .bind(limit)
        .bind(schedule.unwrap_or(""))
        .fetch_all(&self.read)
        .await
        .or_internal("reading earlier evaluations")
    }

    /// Deletes a run with its results.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such run.
    pub async fn delete_evaluation(&self, scope: &Scope, id: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM evaluations WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(id.as_str())
            .execute(&mut *tx)
            .await
            .or_internal("deleting an evaluation")?;
        if done.rows_affected() == 0 {
            return Err(missing(id));
        }
        commit(tx).await
    }

    /// Keeps results and notes how far the run is, in one transaction. Says whether the run
    /// goes on; if it has ended or is gone nothing is kept. An answer that rests on a file
    /// deleted meanwhile is not kept.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn progress_evaluation(
        &self,
        scope: &Scope,
        id: &Id,
        (stage, fraction): (&str, f64),
        results: &[NewEvaluationResult],
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE evaluations SET status = 'running', stage = $3, fraction = $4 \
             WHERE tenant_id = $1 AND id = $2 AND status IN ('queued', 'running')",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(stage)
        .bind(fraction)
        .execute(&mut *tx)
        .await
        .or_internal("noting progress")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        for result in results {
            self.insert_result(&mut tx, scope, id, result).await?;
        }
        commit(tx).await?;
        Ok(true)
    }

    async fn insert_result(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        evaluation: &Id,
        result: &NewEvaluationResult,
    ) -> Result<()> {
        let mut alive = true;
        for file in &result.sources {
            alive &= file_there(tx, scope, file).await?;
        }
        let id = Id::generate("evr_");
        let done = sqlx::query(
            "INSERT INTO evaluation_results (id, tenant_id, evaluation_id, configuration, question_id, \
             outcome, answer) VALUES ($1, $2, $3, $4, $5, $6, $7) \
             ON CONFLICT (evaluation_id, configuration, question_id) DO NOTHING",
        )
        .bind(id.as_str())
        .bind(scope.tenant().as_str())
        .bind(evaluation.as_str())
        .bind(result.configuration)
        .bind(&result.question)
        .bind(&result.outcome)
        .bind(result.answer.as_deref().filter(|_| alive))
        .execute(&mut **tx)
        .await
        .or_internal("keeping a result")?;
        if done.rows_affected() == 0 || !alive || result.answer.is_none() {
            return Ok(());
        }
        for file in &result.sources {
            sqlx::query(
                "INSERT INTO evaluation_sources (result_id, file_id) VALUES ($1, $2) \
                 ON CONFLICT (result_id, file_id) DO NOTHING",
            )
            .bind(id.as_str())
            .bind(file)
            .execute(&mut **tx)
            .await
            .or_internal("noting what an answer rests on")?;
        }
        Ok(())
    }

    /// Ends a run that has not ended, within a transaction. Says whether it did.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn finish_evaluation(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &Id,
        end: EvaluationEnd<'_>,
    ) -> Result<bool> {
        let (status, result, worse, error) = match end {
            EvaluationEnd::Succeeded { result, worse } => {
                ("succeeded", Some(result), worse.map(i64::from), None)
            }
            EvaluationEnd::Failed(error) => ("failed", None, None, Some(error)),
            EvaluationEnd::Cancelled => ("cancelled", None, None, Some("cancelled by the caller")),
        };
        let done = sqlx::query(
            "UPDATE evaluations SET status = $3, result = $4, worse = $5, error = $6, finished_at = $7, \
             stage = $3, fraction = 1.0 \
             WHERE tenant_id = $1 AND id = $2 AND status IN ('queued', 'running')",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(status)
        .bind(result)
        .bind(worse)
        .bind(error)
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("ending an evaluation")?;
        Ok(done.rows_affected() > 0)
    }

    /// What each question came to, a page of them, of one configuration if given.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such run.
    pub async fn evaluation_results(
        &self,
        scope: &Scope,
        id: &Id,
        configuration: Option<i64>,
        page: &Page,
    ) -> Result<Vec<EvaluationResultRow>> {
        self.evaluation(scope, id).await?;
        let rows = paged!(
            page,
            EvaluationResultRow,
            "SELECT * FROM (SELECT r.id, r.configuration, r.question_id, q.text, r.outcome, r.answer \
             FROM evaluation_results r LEFT JOIN questions q ON q.id = r.question_id \
             WHERE r.tenant_id = $1 AND r.evaluation_id = $4 \
             AND ($5 < 0 OR r.configuration = $5)) AS listed WHERE 1 = 1"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(id.as_str())
        .bind(configuration.unwrap_or(-1))
        .fetch_all(&self.read)
        .await
        .or_internal("reading what questions came to")?;
        Ok(page.arrange(rows))
    }
}
