//! Sources: documents kept in step with the place they come from.
//!
//! A source belongs to a vector store. A *run* lists what is there now (`run`), takes what is
//! new or changed (`take`), and deletes what is gone. A changed document goes on answering in
//! its older version until the newer one is read; the transaction that completes the newer
//! one deletes the older (`swap`), so no question sees both. Runs are durable jobs
//! that `schedule` enqueues; killed anywhere, a run begins again, and takes nothing twice:
//! what names an item at its source is unique, and its version is noted in the transaction
//! that takes it.

pub(crate) mod carry;
mod progress;
mod run;
mod schedule;
mod swap;
mod take;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_guard::Seal;
use cairn_kernel::{Error, Id, Kind, Result, ResultExt as _, Role, Scope, Secret, Timestamp};
use cairn_pipelines::Queue;
use cairn_sources::{Environment, REDACTED, Source, SourceConfig};
use cairn_store::records::{SourceItemCount, SourceItemRow, SourceRow};
use cairn_store::{Blobs, Page, Records};
use serde_json::{Map, Value};
use tokio::sync::Notify;

use crate::erase::{Erase, REQUESTED};
use crate::stores::{Attributes, VectorStores, attributes_text, require_alive, split};

use progress::Board;
pub use progress::{Counts, Progress};
pub(crate) use run::SyncJob;
pub(crate) use swap::Swap;

/// How often a source is looked at when nobody says, in seconds.
const EVERY_DEFAULT: i64 = 3600;
/// How often it may be: from a minute to thirty days.
const EVERY: std::ops::RangeInclusive<i64> = 60..=2_592_000;
/// A time that does not come.
const NEVER: Timestamp = i64::MAX;
/// Attributes that a source may give; an item has up to eight of its own, and two are ours.
const ATTRIBUTES_MAX: usize = 6;
/// Longest a caller waits while the files of a source are deleted; the rest goes on without.
const REMOVAL_WAIT: Duration = Duration::from_secs(20);
/// When a failed item is first tried again by itself, and how seldom in the end.
const RETRY_FIRST_MS: i64 = 300_000;
const RETRY_LAST_MS: i64 = 86_400_000;
/// Failures in a row after which only a new version is tried, or somebody's wish.
const RETRIES: i64 = 10;

/// What the configuration allows sources.
#[derive(Clone, Debug, Default)]
pub struct SourceSettings {
    /// Folders that may be read, with everything below them. `{tenant}` in one stands for
    /// the name of the tenant who asks.
    pub folders: Vec<PathBuf>,
    /// Hosts that may be asked although they are this machine or in a private network.
    pub allowed_hosts: Vec<String>,
    /// Whether addresses of this machine and of private networks may be asked.
    pub private_networks: bool,
}

/// A source to be made.
#[derive(Clone, Debug)]
pub struct NewSource {
    /// The store that its documents go into.
    pub store: Id,
    /// What to call it; by default its kind.
    pub name: Option<String>,
    /// Its configuration: a JSON object with a `type`.
    pub config: Value,
    /// Seconds between runs, 0 for runs on request only; an hour by default.
    pub every_seconds: Option<i64>,
    /// Attributes that every document of it gets.
    pub attributes: Attributes,
}

/// What may be changed of a source; what is `None` stays.
#[derive(Clone, Debug, Default)]
pub struct SourceChanges {
    /// What to call it.
    pub name: Option<String>,
    /// Its whole configuration, of the same type. Secrets that are left out, or given as
    /// they are shown, stay.
    pub config: Option<Value>,
    /// Seconds between runs, 0 for runs on request only.
    pub every_seconds: Option<i64>,
}

/// A source as it is now.
#[derive(Clone, Debug)]
pub struct SourceReport {
    /// Its record.
    pub row: SourceRow,
    /// Its items by state.
    pub items: Vec<SourceItemCount>,
    /// How far its run is, while one is under way.
    pub progress: Option<Progress>,
}

/// What [`Sources`] works with.
pub(crate) struct Parts {
    pub(crate) records: Records,
    pub(crate) blobs: Blobs,
    pub(crate) queue: Queue,
    pub(crate) stores: VectorStores,
    pub(crate) erase: Erase,
    pub(crate) seal: Seal,
    pub(crate) settings: SourceSettings,
    /// Folder for what connectors keep during a run.
    pub(crate) scratch: PathBuf,
    /// Largest document, in bytes.
    pub(crate) limit: u64,
}

/// Sources of a tenant. Clones share everything.
#[derive(Clone)]
pub struct Sources {
    parts: Arc<Parts>,
    board: Board,
    wake: Arc<Notify>,
}

impl Sources {
    pub(crate) fn new(parts: Parts) -> Self {
        Self { parts: Arc::new(parts), board: Board::default(), wake: Arc::default() }
    }

    /// Makes a source; its first run begins at once.
    ///
    /// # Errors
    /// `Forbidden` for what the configuration does not allow, `NotFound` for the store or what
    /// the source points at, `Invalid` for what it cannot be, `Conflict` when the store has
    /// the very same one.
    pub async fn create(&self, scope: &Scope, new: NewSource) -> Result<SourceReport> {
        scope.require(Role::Editor)?;
        let records = &self.parts.records;
        require_alive(&records.store(scope, &new.store).await?, records.clock().now())?;
        let every_seconds = checked_every(new.every_seconds.unwrap_or(EVERY_DEFAULT))?;
        let config = parse(new.config)?;
        let shown = config.redacted();
        let kind = shown["type"].as_str().unwrap_or_default().to_owned();
        let id = Id::generate("src_");
        self.only_one(scope, &id, &new.store, &shown).await?;
        self.connect(scope, &id, config.clone()).await?;
        let now = records.clock().now();
        let row = SourceRow {
            id: id.to_string(),
            tenant_id: scope.tenant().to_string(),
            store_id: new.store.to_string(),
            name: checked_name(new.name.as_deref().unwrap_or(&kind))?,
            kind,
            config: shown.to_string(),
            secrets: self.sealed(&id, &config)?,
            attributes: checked_attributes(&new.attributes)?,
            every_seconds,
            principal_id: scope.principal().to_string(),
            role: scope.role().to_string(),
            state: "idle".to_owned(),
            paused: 0,
            held: None,
            requested: 1,
            next_run_at: now,
            failures: 0,
            started_at: None,
            finished_at: None,
            outcome: None,
            error: None,
            counts: "{}".to_owned(),
            created_at: now,
            updated_at: now,
        };
        records.insert_source(scope, &row).await?;
        tracing::info!(source = row.id, kind = row.kind, store = row.store_id, "source made");
        self.wake.notify_one();
        self.get(scope, &id).await
    }

    /// Two sources of one place would have every document twice in the store.
    async fn only_one(&self, scope: &Scope, id: &Id, store: &Id, shown: &Value) -> Result<()> {
        match self.parts.records.source_like(scope, store, &shown.to_string()).await? {
            Some(other) if other != id.as_str() => Err(Error::new(
                Kind::Conflict,
                format!("source '{other}' keeps this store in step with the same place already"),
            )),
            _ => Ok(()),
        }
    }

    /// One source.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<SourceReport> {
        let row = self.parts.records.source(scope, id).await?;
        self.report(scope, row).await
    }

    /// The tenant's sources.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn list(&self, scope: &Scope, page: &Page) -> Result<Vec<SourceReport>> {
        let mut reports = Vec::new();
        for row in self.parts.records.list_sources(scope, page).await? {
            reports.push(self.report(scope, row).await?);
        }
        Ok(reports)
    }

    async fn report(&self, scope: &Scope, row: SourceRow) -> Result<SourceReport> {
        let id = Id::from_raw(row.id.as_str());
        let items = self.parts.records.count_items(scope, &id).await?;
        let progress = match row.state.as_str() {
            "running" => {
                let reading = self.parts.records.items_being_read(scope, &id).await?;
                self.board.progress(&row.id, reading)
            }
            _ => None,
        };
        Ok(SourceReport { row, items, progress })
    }

    /// The items of a source, of one state if given.
    ///
    /// # Errors
    /// `NotFound` for the source, `Invalid` for an unknown state.
    pub async fn items(
        &self,
        scope: &Scope,
        id: &Id,
        state: Option<&str>,
        page: &Page,
    ) -> Result<Vec<SourceItemRow>> {
        const STATES: [&str; 4] = ["ready", "pending", "failed", "removed"];
        if let Some(other) = state.filter(|state| !STATES.contains(state)) {
            return Err(Error::invalid(format!(
                "state is '{other}'; it is one of {}",
                STATES.join(", ")
            ))
            .with_param("state"));
        }
        self.parts.records.source(scope, id).await?;
        self.parts.records.list_items(scope, id, state, page).await
    }

    /// Changes a source. Another configuration has it looked at at once.
    ///
    /// # Errors
    /// As [`Sources::create`].
    pub async fn update(
        &self,
        scope: &Scope,
        id: &Id,
        changes: SourceChanges,
    ) -> Result<SourceReport> {
        scope.require(Role::Editor)?;
        let mut row = self.parts.records.source(scope, id).await?;
        if let Some(name) = changes.name {
            row.name = checked_name(&name)?;
        }
        if let Some(every) = changes.every_seconds {
            row.every_seconds = checked_every(every)?;
            let since = row.finished_at.unwrap_or(row.created_at);
            row.next_run_at = next_run(row.every_seconds, since, 0);
        }
        // What was asked for already is not asked for again.
        row.requested = 0;
        if let Some(given) = changes.config {
            let config = self.merged(&row, given)?;
            let shown = config.redacted();
            self.only_one(scope, id, &Id::from_raw(row.store_id.as_str()), &shown).await?;
            self.connect(scope, id, config.clone()).await?;
            row.config = shown.to_string();
            row.secrets = self.sealed(id, &config)?;
            row.requested = 1;
        }
        self.parts.records.update_source(scope, &row).await?;
        tracing::info!(source = row.id, "source changed");
        self.wake.notify_one();
        self.get(scope, id).await
    }

    /// Asks for a run. With `confirm_deletes` it may delete however much is gone; with
    /// `retry_failed` it tries everything again that failed.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Conflict` while it is paused.
    pub async fn sync(
        &self,
        scope: &Scope,
        id: &Id,
        (confirm_deletes, retry_failed): (bool, bool),
    ) -> Result<SourceReport> {
        scope.require(Role::Editor)?;
        let row = self.parts.records.source(scope, id).await?;
        if row.paused != 0 {
            return Err(Error::new(
                Kind::Conflict,
                format!("source '{id}' is paused; resume it first"),
            ));
        }
        self.parts.records.ask_source(scope, id, (confirm_deletes, retry_failed)).await?;
        tracing::info!(source = %id, confirm_deletes, retry_failed, by = %scope.principal(), "source asked to run");
        self.wake.notify_one();
        self.get(scope, id).await
    }

    /// Lets no run begin, and ends the one under way; or lets them begin again, with one at
    /// once. What was taken stays.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn pause(&self, scope: &Scope, id: &Id, paused: bool) -> Result<SourceReport> {
        scope.require(Role::Editor)?;
        self.parts.records.pause_source(scope, id, paused).await?;
        tracing::info!(source = %id, paused, by = %scope.principal(), "source paused or resumed");
        self.wake.notify_one();
        self.get(scope, id).await
    }

    /// Removes a source. Its files are kept, or deleted for good, each with its certificate.
    /// Says whether it is done; a large one goes on being deleted afterwards.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn remove(&self, scope: &Scope, id: &Id, keep_files: bool) -> Result<bool> {
        scope.require(Role::Editor)?;
        tracing::info!(source = %id, keep_files, by = %scope.principal(), "source removed");
        if keep_files {
            self.parts.records.delete_source(scope, id).await?;
            return Ok(true);
        }
        self.parts.records.begin_source_removal(scope, id).await?;
        self.clear(scope, id, Some(Instant::now() + REMOVAL_WAIT)).await
    }

    /// Deletes the files of a source that is being removed, and it at last, until `deadline`. The
    /// certificates say that it was requested, and by whose key: the documents are still there.
    async fn clear(&self, scope: &Scope, id: &Id, deadline: Option<Instant>) -> Result<bool> {
        for item in self.parts.records.held_items(scope, id).await? {
            if deadline.is_some_and(|deadline| Instant::now() >= deadline) {
                self.wake.notify_one();
                return Ok(false);
            }
            self.drop_item(scope, &item.id, REQUESTED).await?;
        }
        self.parts.erase.wake();
        match self.parts.records.delete_source(scope, id).await {
            Err(gone) if gone.kind() == Kind::NotFound => Ok(true),
            done => done.map(|()| true),
        }
    }

    /// Forgets an item and deletes its files for good, for a `reason` that certificates say.
    async fn drop_item(&self, scope: &Scope, item: &str, reason: &'static str) -> Result<()> {
        let Parts { records, erase, .. } = self.parts.as_ref();
        let mut tx = records.begin().await?;
        for file in records.files_of_item(&mut tx, scope, item).await? {
            match erase.file_within(&mut tx, scope, &Id::from_raw(file), reason).await {
                Err(gone) if gone.kind() == Kind::NotFound => {}
                erased => erased.map(|_| ())?,
            }
        }
        records.delete_source_item(&mut tx, scope, item).await?;
        tx.commit().await.or_internal("deleting an item of a source")
    }

    /// Opens a source's place with what the configuration allows.
    async fn connect(
        &self,
        scope: &Scope,
        id: &Id,
        config: SourceConfig,
    ) -> Result<Arc<dyn Source>> {
        let Parts { records, settings, scratch, limit, .. } = self.parts.as_ref();
        let tenant = records.tenant_name(scope).await?;
        let own = |folder: &PathBuf| match folder.to_str() {
            Some(text) => PathBuf::from(text.replace("{tenant}", &tenant)),
            None => folder.clone(),
        };
        let env = Environment {
            folders: settings.folders.iter().map(own).collect(),
            scratch: scratch.join(id.as_str()),
            allowed_hosts: settings.allowed_hosts.clone(),
            private_networks: settings.private_networks,
            file_bytes_max: *limit,
        };
        let opened = tokio::task::spawn_blocking(move || config.open(&env));
        Ok(Arc::from(opened.await.or_internal("opening a source")??))
    }

    /// The whole configuration of a source, secrets included.
    fn config_of(&self, row: &SourceRow) -> Result<SourceConfig> {
        let mut config: Value =
            serde_json::from_str(&row.config).or_internal("reading a source's configuration")?;
        if !row.secrets.is_empty() {
            let opened = self.parts.seal.unseal(&row.id, &row.secrets)?;
            let secrets: Map<String, Value> = serde_json::from_str(opened.expose())
                .or_internal("reading the secrets of a source")?;
            if let Some(fields) = config.as_object_mut() {
                fields.extend(secrets);
            }
        }
        serde_json::from_value(config).or_internal("reading a source's configuration")
    }

    /// What is secret in a configuration, sealed; empty without any.
    fn sealed(&self, id: &Id, config: &SourceConfig) -> Result<String> {
        let whole = serde_json::to_value(config).or_internal("writing a configuration")?;
        let secret = |name: &&'static str| {
            let value = whole.get(*name).filter(|value| !value.is_null())?;
            Some(((*name).to_owned(), value.clone()))
        };
        let secrets: Map<String, Value> = config.secrets().iter().filter_map(secret).collect();
        if secrets.is_empty() {
            return Ok(String::new());
        }
        let text = Secret::new(Value::Object(secrets).to_string());
        self.parts.seal.seal(id.as_str(), &text)
    }

    /// A new configuration for a source, with the secrets it has where none are given. They stay
    /// with whom they were meant for: who changes the address sends them again.
    fn merged(&self, row: &SourceRow, mut given: Value) -> Result<SourceConfig> {
        let held = self.config_of(row)?;
        let whole = serde_json::to_value(&held).or_internal("writing a configuration")?;
        if let Some(fields) = given.as_object_mut() {
            let kind = fields.entry("type").or_insert_with(|| whole["type"].clone());
            if *kind != whole["type"] {
                return Err(Error::invalid(format!(
                    "source '{}' is a {}; make a new source for another type",
                    row.id, row.kind
                ))
                .with_param("config"));
            }
            let field = |name: &str| fields.get(name).filter(|value| !value.is_null());
            let moved = held
                .receivers()
                .iter()
                .find(|name| field(name) != whole.get(**name).filter(|value| !value.is_null()));
            let moved = moved.copied();
            for name in held.secrets() {
                let shown = fields.get(*name).is_none_or(|value| value == REDACTED);
                if shown && let Some(value) = whole.get(*name) {
                    if let (Some(moved), false) = (moved, value.is_null()) {
                        return Err(Error::invalid(format!(
                            "the '{name}' that source '{}' keeps is for its present '{moved}'; \
                             send it again with the new one, or null to do without it",
                            row.id
                        ))
                        .with_param(*name));
                    }
                    fields.insert((*name).to_owned(), value.clone());
                }
            }
        }
        parse(given)
    }
}

/// The configuration out of what a caller sent.
fn parse(given: Value) -> Result<SourceConfig> {
    let config: SourceConfig = serde_json::from_value(given).map_err(|fault| {
        Error::invalid(format!("the source's configuration does not fit: {fault}"))
            .with_param("config")
    })?;
    config.check()?;
    Ok(config)
}

fn checked_every(seconds: i64) -> Result<i64> {
    if seconds == 0 || EVERY.contains(&seconds) {
        return Ok(seconds);
    }
    Err(Error::invalid(format!(
        "every_seconds is {seconds}; it must be 0 (only when asked), or between {} and {}",
        EVERY.start(),
        EVERY.end()
    ))
    .with_param("every_seconds"))
}

fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 256 || name.chars().any(char::is_control) {
        return Err(Error::invalid(
            "a source's name has 1 to 256 characters, without line breaks and the like",
        )
        .with_param("name"));
    }
    Ok(name.to_owned())
}

/// Attributes as they are kept; they may set an access list.
fn checked_attributes(attributes: &Attributes) -> Result<String> {
    let (plain, _) = split(attributes)?;
    attributes_text(&plain)?;
    if plain.len() > ATTRIBUTES_MAX {
        return Err(Error::invalid(format!(
            "a source gives its documents at most {ATTRIBUTES_MAX} attributes"
        ))
        .with_param("attributes"));
    }
    serde_json::to_string(attributes).or_internal("writing attributes")
}

/// When a source is looked at next, after `failures` failed runs in a row.
fn next_run(every_seconds: i64, since: Timestamp, failures: i64) -> Timestamp {
    if every_seconds == 0 {
        return NEVER;
    }
    let doublings = u32::try_from(failures.clamp(0, 16)).unwrap_or(16);
    let wait = match failures {
        0 => every_seconds,
        _ => every_seconds.min(60 << doublings),
    };
    since.saturating_add(wait * 1000)
}

/// When an item that failed `attempts` times before is worth another try by itself.
fn retry_at(now: Timestamp, attempts: i64) -> Option<Timestamp> {
    if attempts >= RETRIES {
        return None;
    }
    let doublings = u32::try_from(attempts.clamp(0, 16)).unwrap_or(16);
    Some(now + RETRY_LAST_MS.min(RETRY_FIRST_MS << doublings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_bounded_and_failures_wait_longer() {
        assert!(checked_every(0).is_ok() && checked_every(60).is_ok());
        assert!(checked_every(59).is_err() && checked_every(-1).is_err());
        assert_eq!(next_run(0, 5, 0), NEVER);
        assert_eq!(next_run(3600, 0, 0), 3_600_000);
        assert_eq!(next_run(3600, 0, 1), 120_000);
        assert_eq!(next_run(3600, 0, 60), 3_600_000, "never later than without failures");
        assert_eq!(retry_at(0, 0), Some(RETRY_FIRST_MS));
        assert_eq!(retry_at(0, 1), Some(2 * RETRY_FIRST_MS));
        assert_eq!(retry_at(0, 9), Some(RETRY_LAST_MS));
        assert_eq!(retry_at(0, RETRIES), None);
    }

    #[test]
    fn names_and_attributes_are_checked() {
        assert_eq!(checked_name(" handbook ").ok().as_deref(), Some("handbook"));
        assert!(checked_name("").is_err() && checked_name("a\nb").is_err());
        let attributes = |count: usize| -> Attributes {
            (0..count).map(|n| (format!("a{n}"), Value::from(n))).collect()
        };
        assert!(checked_attributes(&attributes(6)).is_ok());
        assert!(checked_attributes(&attributes(7)).is_err());
        let access = Attributes::from([("cairn.access".to_owned(), Value::from("user:ada"))]);
        assert!(checked_attributes(&access).is_ok_and(|text| text.contains("user:ada")));
        let nobody = Attributes::from([("cairn.access".to_owned(), Value::from("a b"))]);
        assert!(checked_attributes(&nobody).is_err());
    }

    #[test]
    fn a_configuration_that_does_not_fit_is_refused_by_name() {
        let refused = parse(serde_json::json!({"type": "pigeon"})).err();
        assert_eq!(refused.as_ref().and_then(Error::param), Some("config"));
    }
}
