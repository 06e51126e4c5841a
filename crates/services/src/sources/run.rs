//! A run: list what is there, take what is new or changed, delete what is gone.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use cairn_kernel::{Error, Id, Kind, Result, ResultExt as _, Scope};
use cairn_pipelines::{Handler, Job};
use cairn_sources::{Item, Seen, Source};
use cairn_store::records::{HeldItem, SourceEnd, SourceItemFacts, SourceRow};
use futures::StreamExt as _;

use super::progress::Followed;
use super::schedule::{KIND, Work};
use super::{Sources, next_run, retry_at};
use crate::accounts::scope_of;
use crate::stores::require_alive;

/// Runs at once, over all tenants. They mostly wait for their places.
pub(super) const RUNS: usize = 12;
/// Items fetched at once by a run.
const FETCHES: usize = 4;
/// Items being read at once by a run: what is fetched further ahead would only lie about,
/// and keep what others attach waiting.
const AHEAD: i64 = 64;
/// How often a run that waits looks again.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// How often a run looks whether it may go on.
const ASK_EVERY: Duration = Duration::from_millis(500);
/// Longest a run waits until what it took is read; reading goes on without it.
const READING_WAIT: Duration = Duration::from_secs(600);
/// Most items of a source.
const ITEMS_MAX: usize = 200_000;
/// The reason of certificates for what is not at its place any more.
const GONE: &str = "removed";
/// Deletes that need no confirmation, however large a share they are.
const DELETES_FREE: usize = 10;

/// Why a run ends early.
pub(super) enum Halt {
    /// Somebody paused the source.
    Paused,
    /// The source was removed.
    Gone,
    /// The place cannot be read as it should be.
    Place(Error),
    /// The program itself failed: the job is tried again.
    Broken(Error),
}

impl From<Error> for Halt {
    fn from(error: Error) -> Self {
        Self::Broken(error)
    }
}

/// A result that may end the run.
pub(super) type Step<T = ()> = std::result::Result<T, Halt>;

/// Does the jobs of kind [`KIND`].
pub(crate) struct SyncJob {
    pub(crate) sources: Sources,
}

#[async_trait]
impl Handler for SyncJob {
    fn kind(&self) -> &'static str {
        KIND
    }

    fn concurrency(&self) -> usize {
        RUNS
    }

    async fn run(&self, job: &Job) -> Result<()> {
        let (scope, work) = decode(job)?;
        let parts = &self.sources.parts;
        let Some(row) = parts.records.start_source(&scope, &work.source).await? else {
            let mut tx = parts.records.begin().await?;
            job.complete(&mut tx).await?;
            return tx.commit().await.or_internal("ending a job");
        };
        let run = Run {
            sources: self.sources.clone(),
            tracker: self.sources.board.follow(&row.id),
            asked: Mutex::new(None),
            source: work.source.clone(),
            scope,
            row,
            work,
        };
        let ended = Box::pin(run.go()).await;
        let scratch = parts.scratch.join(run.source.as_str());
        let _ = tokio::fs::remove_dir_all(scratch).await;
        // Its times may have been changed meanwhile.
        let now = parts.records.source(&run.scope, &run.source).await;
        let end = run.end(now.as_ref().unwrap_or(&run.row), ended)?;
        let mut tx = parts.records.begin().await?;
        parts.records.finish_source(&mut tx, &run.scope, &run.source, &end).await?;
        job.complete(&mut tx).await?;
        tx.commit().await.or_internal("ending a run of a source")?;
        run.report(&end);
        // Another run may have been asked for meanwhile.
        self.sources.wake.notify_one();
        Ok(())
    }

    async fn give_up(&self, job: &Job, error: &Error) -> Result<()> {
        let (scope, work) = decode(job)?;
        let records = &self.sources.parts.records;
        let row = match records.source(&scope, &work.source).await {
            Err(gone) if gone.kind() == Kind::NotFound => return Ok(()),
            found => found?,
        };
        let failures = row.failures + 1;
        let end = SourceEnd {
            outcome: "failed",
            error: Some(shown(error)),
            held: row.held,
            counts: row.counts,
            next_run_at: next_run(row.every_seconds, records.clock().now(), failures),
            failures,
        };
        let mut tx = records.begin().await?;
        records.finish_source(&mut tx, &scope, &work.source, &end).await?;
        tx.commit().await.or_internal("recording a failed run of a source")
    }
}

fn decode(job: &Job) -> Result<(Scope, Work)> {
    Ok((scope_of(job)?, serde_json::from_str(&job.payload).or_internal("reading a job")?))
}

/// What a caller is told of a failure.
pub(super) fn shown(error: &Error) -> String {
    match error.kind() {
        Kind::Internal => {
            tracing::error!(error = %error.detail(), "a source failed inside the server");
            "it failed inside the server; see the log if it fails again".to_owned()
        }
        _ => error.message().to_owned(),
    }
}

/// What a scan makes of an item that is there.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    /// It is held as it is.
    Rests,
    /// It is held as it is, and had failed meanwhile.
    Recovered,
    /// This version failed, and is not worth another try yet.
    Fails,
    /// It is new, changed, or worth another try.
    Take,
}

/// A run under way.
pub(super) struct Run {
    pub(super) sources: Sources,
    pub(super) scope: Scope,
    pub(super) source: Id,
    pub(super) row: SourceRow,
    pub(super) tracker: Followed,
    work: Work,
    asked: Mutex<Option<Instant>>,
}

impl Run {
    /// Why its deletes need a confirmation, if they do.
    async fn go(&self) -> Step<Option<String>> {
        let records = &self.sources.parts.records;
        let store = records.store(&self.scope, &Id::from_raw(self.row.store_id.as_str())).await;
        require_alive(&store?, records.clock().now()).map_err(Halt::Place)?;
        records.release_detached(&self.scope, &self.source).await?;
        let config = self.sources.config_of(&self.row).map_err(Halt::Place)?;
        let place = self.sources.connect(&self.scope, &self.source, config).await;
        let place = place.map_err(Halt::Place)?;
        let held = match self.work.scan {
            true => self.scan(place.as_ref()).await?,
            false => {
                self.retry(place.as_ref()).await?;
                self.row.held.clone()
            }
        };
        self.tracker.phase("finishing");
        self.wait_until_read().await?;
        Ok(held)
    }

    async fn scan(&self, place: &dyn Source) -> Step<Option<String>> {
        let listed = self.sources.parts.records.held_items(&self.scope, &self.source).await?;
        let held: HashMap<String, HeldItem> =
            listed.into_iter().map(|item| (item.key.clone(), item)).collect();
        let mut seen = HashSet::new();
        let (todo, unlisted) = self.list(place, &held, &mut seen).await?;
        self.tracker.phase("reading");
        self.take_all(place, todo).await?;
        // Only a whole listing says what is gone.
        if let Some(error) = unlisted {
            return Err(Halt::Place(error));
        }
        let gone: Vec<&HeldItem> = held.values().filter(|item| !seen.contains(&item.key)).collect();
        if let Some(reason) = self.too_many(gone.len(), held.len()) {
            return Ok(Some(reason));
        }
        self.tracker.phase("deleting");
        for item in gone {
            self.may_go_on().await?;
            self.sources.drop_item(&self.scope, &item.id, GONE).await?;
            self.tracker.count(|counts| counts.deleted += 1);
        }
        if self.tracker.counts().deleted > 0 {
            self.sources.parts.erase.wake();
        }
        Ok(None)
    }

    /// Goes through what is there. Takes what comes with its content; returns what is to be
    /// fetched, and why the listing is not whole if it is not.
    async fn list(
        &self,
        place: &dyn Source,
        held: &HashMap<String, HeldItem>,
        seen: &mut HashSet<String>,
    ) -> Step<(Vec<Item>, Option<Error>)> {
        let known = |key: &str| {
            let item = held.get(key)?;
            (!item.version.is_empty()).then(|| item.version.clone())
        };
        let mut stream = place.scan(&known);
        let (mut todo, mut unlisted) = (Vec::new(), None);
        while let Some(next) = stream.next().await {
            self.may_go_on().await?;
            match next {
                Ok(Seen::Item { item, content }) => {
                    if !self.is_new(seen, &item.key)? {
                        continue;
                    }
                    let before = held.get(&item.key);
                    match self.verdict(before, &item.version) {
                        Verdict::Rests => self.tracker.count(|counts| counts.unchanged += 1),
                        Verdict::Fails => self.tracker.count(|counts| counts.failed += 1),
                        Verdict::Recovered => self.forgive(before).await?,
                        Verdict::Take => {
                            self.tracker.plan(item.size);
                            match content {
                                Some(content) => self.one(place, item, Some(content)).await?,
                                None => todo.push(item),
                            }
                        }
                    }
                }
                Ok(Seen::Failed { key, reason }) => {
                    if self.is_new(seen, &key)? {
                        self.unreadable(key, &reason).await?;
                    }
                }
                Err(error) => unlisted = unlisted.or(Some(error)),
            }
        }
        Ok((todo, unlisted))
    }

    /// Whether a key comes for the first time.
    fn is_new(&self, seen: &mut HashSet<String>, key: &str) -> Step<bool> {
        let new = seen.insert(key.to_owned());
        if seen.len() > ITEMS_MAX {
            return Err(Halt::Place(Error::invalid(format!(
                "there are more than {ITEMS_MAX} items; leave some out, or make several sources"
            ))));
        }
        if new {
            self.tracker.count(|counts| counts.seen += 1);
        }
        Ok(new)
    }

    fn verdict(&self, held: Option<&HeldItem>, version: &str) -> Verdict {
        let now = self.sources.parts.records.clock().now();
        verdict(held, version, now, self.work.retried)
    }

    async fn forgive(&self, held: Option<&HeldItem>) -> Step {
        if let Some(item) = held {
            self.sources.parts.records.forgive_item(&self.scope, &item.id).await?;
        }
        self.tracker.count(|counts| counts.unchanged += 1);
        Ok(())
    }

    async fn unreadable(&self, key: String, reason: &str) -> Step {
        let records = &self.sources.parts.records;
        let held = records.find_item(&self.scope, &self.source, &key).await?;
        let again = retry_at(records.clock().now(), held.map_or(0, |item| item.attempts));
        let facts = SourceItemFacts {
            name: key.rsplit('/').next().unwrap_or_default().to_owned(),
            key,
            version: String::new(),
            bytes: None,
            modified_at: None,
            attributes: "{}".to_owned(),
        };
        self.note_failure(&facts, (reason, again)).await
    }

    /// Tries failed items again that are due, without listing the place.
    async fn retry(&self, place: &dyn Source) -> Step {
        let records = &self.sources.parts.records;
        let due = records.items_to_retry(&self.scope, &self.source).await?;
        let mut todo = Vec::new();
        for row in due {
            let item = Item {
                version: row.failed_version.unwrap_or(row.version),
                key: row.key,
                name: row.name,
                size: row.bytes.and_then(|bytes| u64::try_from(bytes).ok()),
                modified_at: row.modified_at,
                attributes: serde_json::from_str(&row.attributes)
                    .or_internal("reading an item's attributes")?,
            };
            self.tracker.plan(item.size);
            todo.push(item);
        }
        self.tracker.phase("reading");
        self.take_all(place, todo).await
    }

    async fn take_all(&self, place: &dyn Source, todo: Vec<Item>) -> Step {
        let mut taking = futures::stream::iter(todo)
            .map(|item| self.one(place, item, None))
            .buffer_unordered(FETCHES);
        while let Some(taken) = taking.next().await {
            taken?;
        }
        Ok(())
    }

    /// Takes an item when there is room for it.
    async fn one(&self, place: &dyn Source, item: Item, content: Option<bytes::Bytes>) -> Step {
        loop {
            self.may_go_on().await?;
            let records = &self.sources.parts.records;
            let reading = records.items_being_read(&self.scope, &self.source).await?;
            self.tracker.sample(reading);
            if reading < AHEAD {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let size = item.size;
        Box::pin(self.take(place, item, content)).await?;
        self.tracker.done(size);
        Ok(())
    }

    /// So that what a run took can be searched when it has ended.
    async fn wait_until_read(&self) -> Step {
        let until = Instant::now() + READING_WAIT;
        while Instant::now() < until {
            let records = &self.sources.parts.records;
            let reading = records.items_being_read(&self.scope, &self.source).await?;
            self.tracker.sample(reading);
            if reading == 0 {
                break;
            }
            self.may_go_on().await?;
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }

    /// Fails when the source was paused or removed; asks only now and then.
    async fn may_go_on(&self) -> Step {
        let now = Instant::now();
        {
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            if asked.is_some_and(|at| now.duration_since(at) < ASK_EVERY) {
                return Ok(());
            }
            *asked = Some(now);
        }
        match self.sources.parts.records.source_is_paused(&self.scope, &self.source).await? {
            Some(false) => Ok(()),
            Some(true) => Err(Halt::Paused),
            None => Err(Halt::Gone),
        }
    }

    /// Why so many deletes are not done unasked.
    fn too_many(&self, gone: usize, held: usize) -> Option<String> {
        let many = gone > DELETES_FREE && gone.saturating_mul(2) > held;
        (many && !self.work.confirmed).then(|| {
            format!(
                "{gone} of {held} items are gone from the source; nothing was deleted. If that is \
                 right, confirm it with a sync that has \"confirm_deletes\": true (`cairn sources \
                 sync {} --confirm-deletes`)",
                self.row.id
            )
        })
    }

    /// How it ended, for the records.
    fn end(&self, row: &SourceRow, ended: Step<Option<String>>) -> Result<SourceEnd> {
        let now = self.sources.parts.records.clock().now();
        let mut end = SourceEnd {
            outcome: "completed",
            error: None,
            held: None,
            counts: serde_json::to_string(&self.tracker.counts())
                .or_internal("writing what a run did")?,
            next_run_at: next_run(row.every_seconds, now, 0),
            failures: 0,
        };
        match ended {
            Ok(None) => {}
            Ok(held) => {
                end.outcome = "held";
                end.held = held;
            }
            Err(Halt::Paused | Halt::Gone) => {
                end.outcome = "paused";
                end.held.clone_from(&row.held);
                end.next_run_at = row.next_run_at;
                end.failures = row.failures;
            }
            Err(Halt::Place(error)) => {
                end.outcome = "failed";
                end.error = Some(shown(&error));
                end.held.clone_from(&row.held);
                end.failures = row.failures + 1;
                end.next_run_at = next_run(row.every_seconds, now, end.failures);
            }
            Err(Halt::Broken(error)) => return Err(error),
        }
        // What only tried failed items again does not put the next listing off.
        if !self.work.scan && end.outcome == "completed" {
            end.next_run_at = row.next_run_at;
            end.failures = row.failures;
        }
        Ok(end)
    }

    fn report(&self, end: &SourceEnd) {
        let counts = self.tracker.counts();
        tracing::info!(
            source = %self.source,
            outcome = end.outcome,
            seen = counts.seen,
            added = counts.added,
            updated = counts.updated,
            deleted = counts.deleted,
            failed = counts.failed,
            error = end.error.as_deref(),
            "source looked at"
        );
        let kind = self.row.kind.clone();
        metrics::counter!("cairn_source_runs_total", "kind" => kind, "outcome" => end.outcome)
            .increment(1);
        for (outcome, count) in [
            ("added", counts.added),
            ("updated", counts.updated),
            ("unchanged", counts.unchanged),
            ("deleted", counts.deleted),
            ("failed", counts.failed),
        ] {
            let kind = self.row.kind.clone();
            metrics::counter!("cairn_source_items_total", "kind" => kind, "outcome" => outcome)
                .increment(count);
        }
        let kind = self.row.kind.clone();
        metrics::counter!("cairn_source_bytes_total", "kind" => kind).increment(counts.bytes);
    }
}

fn verdict(held: Option<&HeldItem>, version: &str, now: i64, retried: bool) -> Verdict {
    let Some(held) = held else { return Verdict::Take };
    if held.failed_version.as_deref() == Some(version) {
        let due = retried || held.retry_at.is_some_and(|at| at <= now);
        return if due { Verdict::Take } else { Verdict::Fails };
    }
    match (held.version == version, held.failed != 0) {
        (true, true) => Verdict::Recovered,
        (true, false) => Verdict::Rests,
        (false, _) => Verdict::Take,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_taken_when_it_is_new_changed_or_due() {
        let held = |version: &str, failed_version: Option<&str>, failed, retry_at| HeldItem {
            id: "item_1".to_owned(),
            key: "a".to_owned(),
            version: version.to_owned(),
            failed_version: failed_version.map(str::to_owned),
            failed,
            retry_at,
        };
        assert_eq!(verdict(None, "1", 0, false), Verdict::Take);
        let rests = held("1", None, 0, None);
        assert_eq!(verdict(Some(&rests), "1", 0, false), Verdict::Rests);
        assert_eq!(verdict(Some(&rests), "2", 0, false), Verdict::Take);
        let unlisted = held("1", None, 1, Some(10));
        assert_eq!(verdict(Some(&unlisted), "1", 0, false), Verdict::Recovered);
        let unfetched = held("1", Some("2"), 1, Some(10));
        assert_eq!(verdict(Some(&unfetched), "2", 9, false), Verdict::Fails);
        assert_eq!(verdict(Some(&unfetched), "2", 10, false), Verdict::Take);
        assert_eq!(verdict(Some(&unfetched), "2", 0, true), Verdict::Take);
        assert_eq!(verdict(Some(&unfetched), "1", 0, false), Verdict::Recovered);
        let unreadable = held("2", Some("2"), 1, None);
        assert_eq!(verdict(Some(&unreadable), "2", 1 << 40, false), Verdict::Fails);
        assert_eq!(verdict(Some(&unreadable), "3", 0, false), Verdict::Take);
    }
}
