//! Evaluation: how well a store finds and answers the questions of a set.
//!
//! A run is a record and a job in one transaction. The job puts every question to every
//! configuration, keeps each outcome as it comes, so that a run that is broken off goes on
//! where it was, and ends with a report: figures with 95 % intervals, differences to the first
//! configuration on the same questions, what was learned, and whether the run is worse than the
//! one before it. Schedules begin runs by themselves.

pub mod bootstrap;
mod change;
mod job;
pub mod judge;
mod learned;
pub mod metrics;
mod notes;
pub mod outcome;
pub mod plan;
mod plots;
pub mod report;
pub mod schedules;
pub mod summary;
pub mod threshold;
mod timetable;
mod trial;
mod tune;
pub(crate) mod words;

use std::collections::HashSet;
use std::sync::Arc;

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Role, Scope};
use cairn_pipelines::Queue;
use cairn_store::records::{EvaluationEnd, EvaluationResultRow, EvaluationRow, QuestionSetRow};
use cairn_store::{Order, Page, Records, Tx};
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

pub use job::{EvaluateJob, KIND};
use outcome::Outcome;
use plan::{Configuration, Plan};
use report::{Asked, History};
use summary::Report;

use crate::chat::Inference;
use crate::models::Target;
use crate::question_sets::{all, require_ready, resolve};
use crate::rerank::Rerank;

/// How often a run is taken up again.
const ATTEMPTS: i64 = 3;
/// Earlier runs that a report shows.
const HISTORY: i64 = 50;
/// Questions that a report shows.
const SHOWN: usize = 20;
/// Results read at once.
const READ_AT_ONCE: i64 = 500;

/// A run to start.
#[derive(Clone, Debug)]
pub struct NewEvaluation {
    /// The store, by id or name; that of the question set by default.
    pub store: Option<String>,
    /// The question set.
    pub question_set: Id,
    /// What is done.
    pub plan: Plan,
}

#[derive(Debug, Serialize, Deserialize)]
struct Work {
    evaluation: Id,
    /// The users and groups that the caller spoke for.
    principals: Vec<String>,
}

/// Runs over question sets. For editors, as the sets are.
#[derive(Clone)]
pub struct Evaluations {
    records: Records,
    queue: Queue,
    rerank: Rerank,
    inference: Inference,
    /// Tells that a schedule is to be looked at.
    wake: Arc<Notify>,
}

impl Evaluations {
    /// Runs in `records`, done by jobs in `queue`, with the models that `rerank` and `inference`
    /// know.
    pub fn new(records: Records, queue: Queue, rerank: Rerank, inference: Inference) -> Self {
        Self { records, queue, rerank, inference, wake: Arc::default() }
    }

    /// Records and enqueues a run.
    ///
    /// # Errors
    /// `NotFound` for the question set, the store or a model, `Invalid` for a plan that cannot be
    /// carried out or a set of another store, `Conflict` while the set is generated,
    /// `Unavailable` when a model cannot be loaded, `Forbidden` for viewers.
    pub async fn start(&self, scope: &Scope, new: NewEvaluation) -> Result<EvaluationRow> {
        scope.require(Role::Editor)?;
        let plan = new.plan.checked()?;
        let set = self.set(scope, &new.question_set, new.store.as_deref()).await?;
        require_ready(&set)?;
        self.require_models(scope, &plan.configurations).await?;
        let plan = serde_json::to_string(&plan).or_internal("writing a plan")?;
        let row = self.queued((&set.store_id, &set.id), plan);
        let mut tx = self.records.begin().await?;
        self.enqueue(&mut tx, scope, &row).await?;
        tx.commit().await.or_internal("starting an evaluation")?;
        self.queue.wake();
        Ok(row)
    }

    /// A question set, which must be of this store if one is named.
    async fn set(&self, scope: &Scope, id: &Id, store: Option<&str>) -> Result<QuestionSetRow> {
        let set = self.records.question_set(scope, id).await?;
        if let Some(store) = store
            && resolve(&self.records, scope, store).await?.as_str() != set.store_id
        {
            return Err(Error::invalid(format!(
                "the question set '{}' is of another vector store than '{store}'",
                set.id
            ))
            .with_param("store"));
        }
        Ok(set)
    }

    /// Fails where a configuration names a model that is not there, before anything is measured.
    ///
    /// # Errors
    /// `NotFound`, or `Unavailable` when it cannot be loaded, each naming the configuration's field.
    async fn require_models(&self, scope: &Scope, configurations: &[Configuration]) -> Result<()> {
        for (number, wanted) in configurations.iter().enumerate() {
            let at = |name: &str| format!("configurations[{number}].{name}");
            if let Some(reranker) = wanted.reranker.as_ref().filter(|_| !wanted.answers) {
                let known = self.rerank.known(scope, reranker).await;
                known.map_err(|error| error.with_param(at("reranker")))?;
            }
            if wanted.answers {
                let target = Target { name: wanted.model.clone(), ..Target::default() };
                let writer = self.inference.writer(scope, &target).await;
                writer.map_err(|error| error.with_param(at("model")))?;
            }
        }
        Ok(())
    }

    /// A run of a store over a question set that waits.
    fn queued(&self, (store, set): (&str, &str), plan: String) -> EvaluationRow {
        EvaluationRow {
            id: Id::generate("eval_").to_string(),
            store_id: store.to_owned(),
            set_id: set.to_owned(),
            plan,
            status: "queued".to_owned(),
            stage: "queued".to_owned(),
            fraction: 0.0,
            error: None,
            result: None,
            worse: None,
            schedule_id: None,
            occasion: None,
            created_at: self.records.clock().now(),
            finished_at: None,
        }
    }

    /// Records a run and enqueues its job.
    async fn enqueue(&self, tx: &mut Tx, scope: &Scope, row: &EvaluationRow) -> Result<()> {
        let work = Work {
            evaluation: Id::from_raw(row.id.as_str()),
            principals: scope.principals().to_vec(),
        };
        let payload = serde_json::to_string(&work).or_internal("writing a job")?;
        self.records.insert_evaluation(tx, scope, row).await?;
        self.queue.enqueue(tx, scope, KIND, &payload, ATTEMPTS).await?;
        Ok(())
    }

    /// One run.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<EvaluationRow> {
        scope.require(Role::Editor)?;
        self.records.evaluation(scope, id).await
    }

    /// The tenant's runs, of one store (by id or name), of one question set and of one schedule if
    /// given.
    ///
    /// # Errors
    /// `NotFound` for the store, `Forbidden` for viewers.
    pub async fn list(
        &self,
        scope: &Scope,
        store: Option<&str>,
        of: (Option<&Id>, Option<&Id>),
        page: &Page,
    ) -> Result<Vec<EvaluationRow>> {
        scope.require(Role::Editor)?;
        let store = match store {
            Some(store) => Some(resolve(&self.records, scope, store).await?),
            None => None,
        };
        self.records.list_evaluations(scope, store.as_ref(), of, page).await
    }

    /// Cancels a run that has not ended; it stops at its next question.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` when it has ended, `Forbidden` for viewers.
    pub async fn cancel(&self, scope: &Scope, id: &Id) -> Result<EvaluationRow> {
        scope.require(Role::Editor)?;
        self.records.evaluation(scope, id).await?;
        let mut tx = self.records.begin().await?;
        let end = EvaluationEnd::Cancelled;
        let done = self.records.finish_evaluation(&mut tx, scope, id, end).await?;
        self.records.end_trial(&mut tx, scope, id, "the evaluation was cancelled").await?;
        tx.commit().await.or_internal("cancelling an evaluation")?;
        if !done {
            let message = format!("the evaluation '{id}' has ended already");
            return Err(Error::new(Kind::Conflict, message));
        }
        self.records.evaluation(scope, id).await
    }

    /// Deletes a run with its results; one under way stops.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn delete(&self, scope: &Scope, id: &Id) -> Result<()> {
        scope.require(Role::Editor)?;
        self.records.evaluation(scope, id).await?;
        let mut tx = self.records.begin().await?;
        self.records.end_trial(&mut tx, scope, id, "the evaluation was deleted").await?;
        tx.commit().await.or_internal("dropping a trial")?;
        self.records.delete_evaluation(scope, id).await
    }

    /// What each question came to, a page of them, of one configuration (by name) if given.
    ///
    /// # Errors
    /// `NotFound` for the run or the configuration, `Forbidden` for viewers.
    pub async fn results(
        &self,
        scope: &Scope,
        id: &Id,
        configuration: Option<&str>,
        page: &Page,
    ) -> Result<(Plan, Vec<EvaluationResultRow>)> {
        scope.require(Role::Editor)?;
        let plan = plan_of(&self.records.evaluation(scope, id).await?)?;
        let number = match configuration {
            None => None,
            Some(name) => {
                let place = plan.configurations.iter().position(|held| held.name == name);
                let place = place.ok_or_else(|| {
                    Error::not_found(format!("the configuration '{name}' of evaluation '{id}'"))
                })?;
                Some(i64::try_from(place).unwrap_or(i64::MAX))
            }
        };
        let rows = self.records.evaluation_results(scope, id, number, page).await?;
        Ok((plan, rows))
    }

    /// The report of a run as one page of HTML that needs nothing else.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` when the run has no report yet, `Forbidden` for viewers.
    pub async fn report(&self, scope: &Scope, id: &Id) -> Result<String> {
        scope.require(Role::Editor)?;
        let row = self.records.evaluation(scope, id).await?;
        let Some(report) = report_of(&row)? else {
            let message = format!(
                "the evaluation '{id}' is {} and has no report; wait until it has succeeded",
                row.status
            );
            return Err(Error::new(Kind::Conflict, message));
        };
        let set_id = Id::from_raw(row.set_id.as_str());
        let set = self.records.question_set(scope, &set_id).await?;
        let store = self.records.store(scope, &Id::from_raw(row.store_id.as_str())).await?;
        let mut history = Vec::new();
        let mut earlier =
            self.records.evaluations_before(scope, (&set_id, None), id, HISTORY).await?;
        earlier.reverse();
        for before in earlier.iter().chain([&row]) {
            if let Some(report) = report_of(before)? {
                history.push(History::of(before, &report));
            }
        }
        let worst = self.worst(scope, id).await?;
        let lost = self.lost(scope, &set_id, &report).await?;
        let page = report::Page {
            id: &row.id,
            store: if store.name.is_empty() { store.id.as_str() } else { store.name.as_str() },
            set: &set.name,
            created_at: row.created_at,
            report: &report,
            history: &history,
            worst: &worst,
            lost: &lost,
        };
        Ok(page.html())
    }

    /// The questions of a set whose judgements a run found lost.
    async fn lost(&self, scope: &Scope, set: &Id, report: &Report) -> Result<Vec<String>> {
        let lost: HashSet<&str> = report.lost.iter().map(|one| one.question_id.as_str()).collect();
        if lost.is_empty() {
            return Ok(Vec::new());
        }
        let questions = all(&self.records, scope, set).await?;
        let named = questions.into_iter().filter(|one| lost.contains(one.id.as_str()));
        Ok(named.map(|one| one.text).take(SHOWN).collect())
    }

    /// The answerable questions that the first configuration found worst.
    async fn worst(&self, scope: &Scope, id: &Id) -> Result<Vec<Asked>> {
        let mut found = Vec::new();
        let mut page = Page { order: Order::Ascending, ..Page::first(READ_AT_ONCE) };
        loop {
            let rows = self.records.evaluation_results(scope, id, Some(0), &page).await?;
            let Some(last) = rows.last() else { break };
            page.after = Some(Id::from_raw(last.id.as_str()));
            for row in rows {
                let outcome = outcome_of(&row)?;
                let gain = outcome.figures.get("ndcg_at_10").copied();
                if let (Some(text), Some(gain)) = (row.text, gain)
                    && gain < 1.0
                {
                    found.push(Asked { text, gain });
                }
            }
        }
        found.sort_by(|a, b| a.gain.total_cmp(&b.gain));
        found.truncate(SHOWN);
        Ok(found)
    }
}

/// What a run does.
///
/// # Errors
/// `Internal` when the record cannot be read.
pub fn plan_of(row: &EvaluationRow) -> Result<Plan> {
    serde_json::from_str(&row.plan).or_internal("reading a plan")
}

/// What a run found, once it has succeeded.
///
/// # Errors
/// `Internal` when the record cannot be read.
pub fn report_of(row: &EvaluationRow) -> Result<Option<Report>> {
    row.result.as_deref().map(serde_json::from_str).transpose().or_internal("reading a report")
}

/// What was measured at a question.
///
/// # Errors
/// `Internal` when the record cannot be read.
pub fn outcome_of(row: &EvaluationResultRow) -> Result<Outcome> {
    serde_json::from_str(&row.outcome).or_internal("reading an outcome")
}
