//! Schedules: runs over a question set that begin by themselves.
//!
//! A schedule says what is measured, and when: after some time, and after a change of the store.
//! Its runs are like those that are asked for, with the rights of who set it up or changed it last.
//! It measures and changes nothing: it learns no ranking and builds no index.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Role, Scope};
use cairn_store::Page;
use cairn_store::records::{EvaluationRow, ScheduleRow};

use super::Evaluations;
use super::plan::{Configuration, Plan};
use super::timetable::Occasion;
use crate::question_sets::resolve;

/// Seconds from one run to the next.
const EVERY: std::ops::RangeInclusive<i64> = 3600..=366 * 86_400;
/// Runs of a schedule that are kept.
const KEPT: std::ops::RangeInclusive<i64> = 2..=500;
/// Those that are kept where nobody says how many.
const KEPT_BY_DEFAULT: i64 = 50;
/// Most configurations of a scheduled run.
const CONFIGURATIONS_MAX: usize = 4;
/// Most schedules of a tenant.
const SCHEDULES_MAX: i64 = 100;
/// Longest name, in characters.
const NAME_MAX: usize = 128;

/// When runs begin.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct When {
    /// Seconds from the beginning of a run to the next; 0 for never by time.
    pub every_seconds: i64,
    /// When the store answers from another index.
    pub after_reindex: bool,
    /// When its ranking or threshold is another.
    pub after_ranking: bool,
    /// After so many documents came or went; 0 for never.
    pub after_documents: i64,
}

impl When {
    fn checked(self) -> Result<Self> {
        if self.every_seconds != 0 && !EVERY.contains(&self.every_seconds) {
            return Err(Error::invalid(format!(
                "every_seconds is {}; it must be between {} (an hour) and {} (a year), or 0 for never \
                 by time",
                self.every_seconds,
                EVERY.start(),
                EVERY.end()
            ))
            .with_param("every_seconds"));
        }
        if self.after_documents < 0 {
            let text = format!(
                "after_documents is {}; it is a number of documents, or 0 for never",
                self.after_documents
            );
            return Err(Error::invalid(text).with_param("after_documents"));
        }
        if self == Self::default() {
            let text = "the schedule would never begin a run; send every_seconds, after_reindex, \
                        after_ranking or after_documents";
            return Err(Error::invalid(text).with_param("every_seconds"));
        }
        Ok(self)
    }
}

/// A schedule to make.
#[derive(Clone, Debug)]
pub struct NewSchedule {
    /// The store, by id or name; that of the question set by default.
    pub store: Option<String>,
    /// The question set.
    pub question_set: Id,
    /// What to call it.
    pub name: String,
    /// What is measured.
    pub configurations: Vec<Configuration>,
    /// Seed of the intervals.
    pub seed: u64,
    /// When.
    pub when: When,
    /// How many of its runs are kept.
    pub keep_runs: Option<i64>,
}

/// What to change of a schedule.
#[derive(Clone, Debug, Default)]
pub struct ScheduleChanges {
    /// What to call it.
    pub name: Option<String>,
    /// What is measured.
    pub configurations: Option<Vec<Configuration>>,
    /// Seed of the intervals.
    pub seed: Option<u64>,
    /// As in [`When`].
    pub every_seconds: Option<i64>,
    /// As in [`When`].
    pub after_reindex: Option<bool>,
    /// As in [`When`].
    pub after_ranking: Option<bool>,
    /// As in [`When`].
    pub after_documents: Option<i64>,
    /// How many of its runs are kept.
    pub keep_runs: Option<i64>,
}

/// A schedule with its newest run.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleReport {
    /// The schedule.
    pub row: ScheduleRow,
    /// Its newest run.
    pub last: Option<EvaluationRow>,
}

impl Evaluations {
    /// Makes a schedule. Its first run begins when it is due, and not at once.
    ///
    /// # Errors
    /// `NotFound` for the question set, the store or a model, `Invalid` naming what does not fit,
    /// `Conflict` when the tenant has too many, `Unavailable` when a model cannot be loaded,
    /// `Forbidden` for viewers.
    pub async fn create_schedule(&self, scope: &Scope, new: NewSchedule) -> Result<ScheduleReport> {
        scope.require(Role::Editor)?;
        let when = new.when.checked()?;
        let plan = plan(new.configurations, new.seed)?;
        let set = self.set(scope, &new.question_set, new.store.as_deref()).await?;
        self.require_models(scope, &plan.configurations).await?;
        let store = Id::from_raw(set.store_id.as_str());
        let now = self.records.clock().now();
        let state = self.records.store_state(scope, &store).await?;
        let documents = self.records.documents_since(scope, &store, now).await?;
        let row = ScheduleRow {
            id: Id::generate("esch_").to_string(),
            tenant_id: scope.tenant().to_string(),
            store_id: set.store_id,
            set_id: set.id,
            name: name(new.name)?,
            plan: written(&plan)?,
            every_seconds: when.every_seconds,
            after_reindex: i64::from(when.after_reindex),
            after_ranking: i64::from(when.after_ranking),
            after_documents: when.after_documents,
            keep_runs: kept(new.keep_runs.unwrap_or(KEPT_BY_DEFAULT))?,
            principal_id: String::new(),
            role: String::new(),
            principals: String::new(),
            paused: 0,
            next_run_at: next(when.every_seconds, now),
            not_before: 0,
            seen_generation: state.generation,
            seen_ranking: state.ranking,
            seen_documents: documents.documents,
            seen_at: now,
            error: None,
            created_at: now,
            updated_at: now,
        };
        let row = owned(row, scope)?;
        if !self.records.insert_schedule(scope, &row, SCHEDULES_MAX).await? {
            let text = format!(
                "there are {SCHEDULES_MAX} evaluation schedules already; delete one that is not needed"
            );
            return Err(Error::new(Kind::Conflict, text));
        }
        self.schedule(scope, &Id::from_raw(row.id)).await
    }

    /// One schedule.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn schedule(&self, scope: &Scope, id: &Id) -> Result<ScheduleReport> {
        scope.require(Role::Editor)?;
        let row = self.records.schedule(scope, id).await?;
        let last = self.records.last_scheduled(scope, &row.id).await?;
        Ok(ScheduleReport { row, last })
    }

    /// The tenant's schedules, of one store (by id or name) and of one question set if given.
    ///
    /// # Errors
    /// `NotFound` for the store, `Forbidden` for viewers.
    pub async fn schedules(
        &self,
        scope: &Scope,
        store: Option<&str>,
        set: Option<&Id>,
        page: &Page,
    ) -> Result<Vec<ScheduleReport>> {
        scope.require(Role::Editor)?;
        let store = match store {
            Some(store) => Some(resolve(&self.records, scope, store).await?),
            None => None,
        };
        let mut found = Vec::new();
        for row in self.records.list_schedules(scope, store.as_ref(), set, page).await? {
            let last = self.records.last_scheduled(scope, &row.id).await?;
            found.push(ScheduleReport { row, last });
        }
        Ok(found)
    }

    /// Changes a schedule, which acts for the caller from now on.
    ///
    /// # Errors
    /// `NotFound` for the schedule or a model, `Invalid` naming what does not fit, `Unavailable`
    /// when a model cannot be loaded, `Forbidden` for viewers.
    pub async fn change_schedule(
        &self,
        scope: &Scope,
        id: &Id,
        changes: ScheduleChanges,
    ) -> Result<ScheduleReport> {
        scope.require(Role::Editor)?;
        let mut row = self.records.schedule(scope, id).await?;
        let when = When {
            every_seconds: changes.every_seconds.unwrap_or(row.every_seconds),
            after_reindex: changes.after_reindex.unwrap_or(row.after_reindex != 0),
            after_ranking: changes.after_ranking.unwrap_or(row.after_ranking != 0),
            after_documents: changes.after_documents.unwrap_or(row.after_documents),
        }
        .checked()?;
        if changes.configurations.is_some() || changes.seed.is_some() {
            let held: Plan = serde_json::from_str(&row.plan).or_internal("reading a plan")?;
            // What stands there was looked up when it came; a model that went fails its run.
            let anew = changes.configurations.is_some();
            let configurations = changes.configurations.unwrap_or(held.configurations);
            let plan = plan(configurations, changes.seed.unwrap_or(held.seed))?;
            if anew {
                self.require_models(scope, &plan.configurations).await?;
            }
            row.plan = written(&plan)?;
        }
        if let Some(called) = changes.name {
            row.name = name(called)?;
        }
        row.keep_runs = kept(changes.keep_runs.unwrap_or(row.keep_runs))?;
        row.every_seconds = when.every_seconds;
        row.after_reindex = i64::from(when.after_reindex);
        row.after_ranking = i64::from(when.after_ranking);
        row.after_documents = when.after_documents;
        row.next_run_at = next(when.every_seconds, self.records.clock().now());
        self.records.update_schedule(scope, &owned(row, scope)?).await?;
        self.wake.notify_one();
        self.schedule(scope, id).await
    }

    /// Lets no run begin by itself. One under way goes on.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn pause_schedule(&self, scope: &Scope, id: &Id) -> Result<ScheduleReport> {
        scope.require(Role::Editor)?;
        self.records.pause_schedule(scope, id, None).await?;
        self.schedule(scope, id).await
    }

    /// Lets runs begin again, one at once if it became due meanwhile. The schedule acts for the
    /// caller from now on.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn resume_schedule(&self, scope: &Scope, id: &Id) -> Result<ScheduleReport> {
        scope.require(Role::Editor)?;
        let row = self.records.schedule(scope, id).await?;
        let row = owned(ScheduleRow { paused: 0, ..row }, scope)?;
        self.records.update_schedule(scope, &row).await?;
        self.wake.notify_one();
        self.schedule(scope, id).await
    }

    /// Begins a run of a schedule now, for the caller, also of one that is paused.
    ///
    /// # Errors
    /// `NotFound`, `Conflict` while a scheduled run of the tenant waits or is under way or the set
    /// is generated, `Forbidden` for viewers.
    pub async fn run_schedule(&self, scope: &Scope, id: &Id) -> Result<EvaluationRow> {
        scope.require(Role::Editor)?;
        let row = self.records.schedule(scope, id).await?;
        let begun = self.begin(scope, &row, Occasion::Request).await?;
        begun.ok_or_else(|| {
            let text = "a scheduled evaluation waits or is under way; they run one after the other, so \
                        wait until it has ended, or cancel it";
            Error::new(Kind::Conflict, text)
        })
    }

    /// Deletes a schedule. Its runs stay.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden` for viewers.
    pub async fn delete_schedule(&self, scope: &Scope, id: &Id) -> Result<()> {
        scope.require(Role::Editor)?;
        self.records.delete_schedule(scope, id).await
    }
}

/// When the run after one that begins `now` is due by time.
pub(super) fn next(every_seconds: i64, now: i64) -> i64 {
    now.saturating_add(every_seconds.saturating_mul(1000))
}

/// The schedule as the caller's.
fn owned(row: ScheduleRow, scope: &Scope) -> Result<ScheduleRow> {
    let principals = scope.principals();
    Ok(ScheduleRow {
        principal_id: scope.principal().to_string(),
        role: scope.role().to_string(),
        principals: serde_json::to_string(principals).or_internal("writing a schedule")?,
        ..row
    })
}

/// What a scheduled run does, if it may.
fn plan(configurations: Vec<Configuration>, seed: u64) -> Result<Plan> {
    let plan = Plan { configurations, tune: false, tune_reranker: false, seed }.checked()?;
    let count = plan.configurations.len();
    if count > CONFIGURATIONS_MAX {
        let text = format!(
            "configurations has {count} entries; a schedule measures up to {CONFIGURATIONS_MAX}"
        );
        return Err(Error::invalid(text).with_param("configurations"));
    }
    if let Some(number) = plan.configurations.iter().position(Configuration::is_trial) {
        let text = "a scheduled run measures the store as it is; leave out chunking and \
                    embedding_model, and try them in a run of their own";
        let field = format!("configurations[{number}]");
        return Err(Error::invalid(text).with_param(field));
    }
    Ok(plan)
}

fn written(plan: &Plan) -> Result<String> {
    serde_json::to_string(plan).or_internal("writing a plan")
}

fn name(called: String) -> Result<String> {
    let length = called.chars().count();
    if called.trim().is_empty() || length > NAME_MAX {
        let text = format!("a schedule needs a name of up to {NAME_MAX} characters");
        return Err(Error::invalid(text).with_param("name"));
    }
    Ok(called)
}

fn kept(runs: i64) -> Result<i64> {
    if KEPT.contains(&runs) {
        return Ok(runs);
    }
    let (from, to) = (KEPT.start(), KEPT.end());
    let text = format!("keep_runs is {runs}; it must be between {from} and {to}");
    Err(Error::invalid(text).with_param("keep_runs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_that_never_runs_or_too_often_is_refused() {
        let param = |when: When| when.checked().unwrap_err().param().map(str::to_owned);
        let every = |every_seconds| When { every_seconds, ..When::default() };
        for when in [When::default(), every(60), every(-1), every(400 * 86_400)] {
            assert_eq!(param(when).as_deref(), Some("every_seconds"), "{when:?}");
        }
        let documents = |after_documents| When { after_documents, ..When::default() };
        assert_eq!(param(documents(-1)).as_deref(), Some("after_documents"));
        for when in [every(3600), documents(1), When { after_reindex: true, ..When::default() }] {
            assert_eq!(when.checked().unwrap(), when);
        }
    }

    #[test]
    fn a_scheduled_run_measures_and_builds_nothing() {
        let named = |name: usize| Configuration { name: name.to_string(), ..Default::default() };
        assert!(plan((0..4).map(named).collect(), 1).is_ok());
        let many = plan((0..5).map(named).collect(), 1).unwrap_err();
        assert_eq!(many.param(), Some("configurations"));
        let trial = Configuration { embedding_model: Some("m".into()), ..named(1) };
        let refused = plan(vec![named(0), trial], 1).unwrap_err();
        assert_eq!(refused.param(), Some("configurations[1]"));
        assert!(kept(1).is_err() && kept(501).is_err() && kept(2).is_ok());
        assert!(name(" ".into()).is_err() && name("nightly".into()).is_ok());
    }
}
