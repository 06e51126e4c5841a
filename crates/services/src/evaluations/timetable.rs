//! When scheduled runs begin: one of a tenant at a time, so that one with many schedules does not
//! keep the others waiting; and of a schedule none sooner than some minutes after the one before it,
//! however often its store changes.

use std::time::{Duration, Instant};

use cairn_kernel::{Id, Kind, Result, ResultExt, Scope, Shutdown, Timestamp};
use cairn_store::records::{DocumentsSince, EvaluationRow, KeyRow, ScheduleRow, StoreState};

use super::Evaluations;
use super::schedules::next;
use crate::accounts::scope_of_schedule;
use crate::question_sets::require_ready;

/// How often schedules are looked at without being woken.
const LOOK_EVERY: Duration = Duration::from_secs(3);
/// How often documents are counted, which takes longer.
const COUNT_EVERY: Duration = Duration::from_secs(12);
/// Schedules read at once.
const PAGE: i64 = 500;
/// Milliseconds from one run of a schedule to the next at least.
const GAP_MS: i64 = 10 * 60_000;
/// Milliseconds until a run that could not begin is tried again at least.
const RETRY_MS: i64 = 60 * 60_000;

/// Why a run of a schedule begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Occasion {
    /// Its time came.
    Time,
    /// The store answers from another index.
    Reindex,
    /// Its ranking or threshold is another.
    Ranking,
    /// So many documents came or went.
    Documents,
    /// Somebody asked for it.
    Request,
}

impl Occasion {
    /// The name in the API.
    fn name(self) -> &'static str {
        match self {
            Self::Time => "time",
            Self::Reindex => "reindex",
            Self::Ranking => "ranking",
            Self::Documents => "documents",
            Self::Request => "request",
        }
    }
}

impl Evaluations {
    /// Begins scheduled runs, until a stop.
    pub(crate) async fn keep(&self, shutdown: Shutdown) {
        let mut counted: Option<Instant> = None;
        loop {
            let count = counted.is_none_or(|at| at.elapsed() >= COUNT_EVERY);
            if count {
                counted = Some(Instant::now());
            }
            if let Err(error) = self.round(count).await {
                tracing::warn!(error = %error.detail(), "schedules will be looked at again");
            }
            tokio::select! {
                () = shutdown.requested() => return,
                () = self.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Looks at every schedule that a run may begin of.
    async fn round(&self, count: bool) -> Result<()> {
        let mut after: Option<ScheduleRow> = None;
        loop {
            let mut rows = self.records.schedules_to_look_at(after.as_ref(), PAGE).await?;
            for row in &rows {
                if let Err(error) = self.look_at(row, count).await {
                    let schedule = &row.id;
                    tracing::warn!(schedule, error = %error.detail(), "a schedule will be looked at again");
                }
            }
            let full = i64::try_from(rows.len()).is_ok_and(|read| read >= PAGE);
            after = rows.pop();
            if !full {
                return Ok(());
            }
        }
    }

    /// Begins a run of a schedule if one is due. One that cannot begin is noted with its reason.
    async fn look_at(&self, row: &ScheduleRow, count: bool) -> Result<()> {
        let scope = scope_of_schedule(row, None)?;
        let store = Id::from_raw(row.store_id.as_str());
        let state = self.records.store_state(&scope, &store).await?;
        let documents = if count && row.after_documents > 0 {
            Some(self.records.documents_since(&scope, &store, row.seen_at).await?)
        } else {
            None
        };
        let now = self.records.clock().now();
        let Some(occasion) = due(row, state, documents, now) else { return Ok(()) };
        // What a key may do ends with it.
        let key = self.records.key_by_id(&row.principal_id).await?;
        if let Some(why) = key.as_ref().and_then(|key| ended(key, now)) {
            failed(row, why);
            return self.records.pause_schedule(&scope, &Id::from_raw(&*row.id), Some(why)).await;
        }
        let scope = scope_of_schedule(row, key.as_ref())?;
        match self.begin(&scope, row, occasion).await {
            Ok(_) => Ok(()),
            // It was deleted meanwhile, with its store or question set.
            Err(gone) if gone.kind() == Kind::NotFound => Ok(()),
            Err(busy) if busy.kind().retryable() => Err(busy),
            Err(error) => {
                let why = match error.kind() {
                    Kind::Internal => format!("the server failed at it: {}", error.detail()),
                    _ => error.message().to_owned(),
                };
                failed(row, &why);
                let not_before = now.saturating_add(RETRY_MS);
                let again = ScheduleRow {
                    next_run_at: row.next_run_at.max(not_before),
                    not_before,
                    ..row.clone()
                };
                self.records.fail_schedule(&scope, &again, &why).await
            }
        }
    }

    /// Begins a run of a schedule. None while a scheduled run of the tenant waits or is under way.
    ///
    /// # Errors
    /// `NotFound` when its question set is gone, `Conflict` while that is generated,
    /// `Unprocessable` when that failed.
    pub(super) async fn begin(
        &self,
        scope: &Scope,
        row: &ScheduleRow,
        occasion: Occasion,
    ) -> Result<Option<EvaluationRow>> {
        let set = self.records.question_set(scope, &Id::from_raw(row.set_id.as_str())).await?;
        require_ready(&set)?;
        let store = Id::from_raw(row.store_id.as_str());
        let now = self.records.clock().now();
        let state = self.records.store_state(scope, &store).await?;
        let documents = self.records.documents_since(scope, &store, now).await?;
        let taken = ScheduleRow {
            next_run_at: next(row.every_seconds, now),
            not_before: now.saturating_add(GAP_MS),
            seen_generation: state.generation,
            seen_ranking: state.ranking,
            seen_documents: documents.documents,
            seen_at: now,
            ..row.clone()
        };
        let run = EvaluationRow {
            schedule_id: Some(row.id.clone()),
            occasion: Some(occasion.name().to_owned()),
            ..self.queued((&row.store_id, &row.set_id), row.plan.clone())
        };
        let mut tx = self.records.begin().await?;
        if !self.records.take_schedule(&mut tx, scope, &taken).await? {
            return Ok(None);
        }
        self.enqueue(&mut tx, scope, &run).await?;
        tx.commit().await.or_internal("beginning a scheduled evaluation")?;
        self.queue.wake();
        Ok(Some(run))
    }
}

/// Tells operators that a run could not begin.
fn failed(row: &ScheduleRow, why: &str) {
    metrics::counter!("cairn_eval_scheduled_failures_total").increment(1);
    tracing::warn!(
        schedule = row.id,
        store = row.store_id,
        why,
        "a scheduled evaluation cannot begin"
    );
}

/// Whether a run is due, and why. `documents` are counted from the last run on, or not counted now.
fn due(
    row: &ScheduleRow,
    state: StoreState,
    documents: Option<DocumentsSince>,
    now: Timestamp,
) -> Option<Occasion> {
    if now < row.not_before {
        return None;
    }
    let changed = documents.map_or(0, |documents| changed(documents, row.seen_documents));
    if row.after_reindex != 0 && state.generation != row.seen_generation {
        Some(Occasion::Reindex)
    } else if row.after_ranking != 0 && state.ranking != row.seen_ranking {
        Some(Occasion::Ranking)
    } else if row.after_documents > 0 && changed >= row.after_documents {
        Some(Occasion::Documents)
    } else if row.every_seconds > 0 && row.next_run_at <= now {
        Some(Occasion::Time)
    } else {
        None
    }
}

/// Why nothing more is done for the key that set a schedule up; none while it works.
fn ended(key: &KeyRow, now: Timestamp) -> Option<&'static str> {
    if key.revoked_at.is_some() {
        return Some("the key that set the schedule up was revoked; resume it with another key");
    }
    let expired = key.expires_at.is_some_and(|at| at <= now);
    expired.then_some(
        "the key that set the schedule up has expired; extend it and resume the schedule, or \
         resume it with another key",
    )
}

/// How many documents changed: those that were read or those that went, whichever are more, so that
/// one that was replaced is one.
fn changed(since: DocumentsSince, before: i64) -> i64 {
    since.came_read.max(before + since.came - since.documents)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> ScheduleRow {
        ScheduleRow {
            id: "esch_1".into(),
            tenant_id: "t".into(),
            store_id: "vs_1".into(),
            set_id: "qset_1".into(),
            name: "nightly".into(),
            plan: "{}".into(),
            every_seconds: 0,
            after_reindex: 0,
            after_ranking: 0,
            after_documents: 0,
            keep_runs: 10,
            principal_id: "key_1".into(),
            role: "editor".into(),
            principals: "[]".into(),
            paused: 0,
            next_run_at: 5000,
            not_before: 1000,
            seen_generation: 1,
            seen_ranking: 0,
            seen_documents: 10,
            seen_at: 0,
            error: None,
            created_at: 0,
            updated_at: 0,
        }
    }

    #[test]
    fn a_run_speaks_for_whom_its_key_speaks_now_and_ends_with_the_key() -> Result<()> {
        let key = KeyRow {
            id: "key_1".into(),
            tenant_id: "t".into(),
            tenant_name: "t".into(),
            role: "editor".into(),
            name: String::new(),
            principals: r#"["user:bob"]"#.into(),
            hash: String::new(),
            previous_hash: None,
            previous_until: None,
            created_at: 0,
            expires_at: Some(10),
            revoked_at: None,
            used_at: None,
        };
        let row = ScheduleRow { principals: r#"["user:ada"]"#.into(), ..schedule() };
        assert_eq!(scope_of_schedule(&row, Some(&key))?.principals(), ["user:bob"]);
        assert_eq!(scope_of_schedule(&row, None)?.principals(), ["user:ada"]);
        assert_eq!(ended(&key, 9), None);
        assert!(ended(&key, 10).is_some_and(|why| why.contains("expired")));
        let revoked = KeyRow { revoked_at: Some(1), ..key };
        assert!(ended(&revoked, 9).is_some_and(|why| why.contains("revoked")));
        Ok(())
    }

    #[test]
    fn a_run_is_due_on_the_occasions_that_the_schedule_names() {
        let same = StoreState { generation: 1, ranking: 0 };
        let other = StoreState { generation: 2, ranking: 7 };
        let many = Some(DocumentsSince { documents: 15, came: 5, came_read: 5 });
        assert_eq!(due(&schedule(), other, many, 9000), None, "it names none");
        let timed = ScheduleRow { every_seconds: 3600, ..schedule() };
        assert_eq!(due(&timed, same, None, 4999), None);
        assert_eq!(due(&timed, same, None, 5000), Some(Occasion::Time));
        let indexed = ScheduleRow { after_reindex: 1, ..schedule() };
        assert_eq!(due(&indexed, same, many, 9000), None);
        assert_eq!(due(&indexed, other, None, 9000), Some(Occasion::Reindex));
        assert_eq!(due(&indexed, other, None, 999), None, "the run before was just now");
        let ranked = ScheduleRow { after_ranking: 1, ..schedule() };
        assert_eq!(due(&ranked, other, None, 9000), Some(Occasion::Ranking));
        let counted = ScheduleRow { after_documents: 5, ..schedule() };
        assert_eq!(due(&counted, same, many, 9000), Some(Occasion::Documents));
        assert_eq!(due(&counted, same, None, 9000), None, "nobody counted");
    }

    #[test]
    fn a_replaced_document_is_one_change() {
        let of =
            |documents, came, came_read| changed(DocumentsSince { documents, came, came_read }, 10);
        assert_eq!(of(10, 0, 0), 0);
        assert_eq!(of(13, 3, 2), 2, "one is not read yet");
        assert_eq!(of(7, 0, 0), 3, "three are gone");
        assert_eq!(of(10, 4, 4), 4, "four were replaced");
    }
}
