//! Tenants, keys and authentication: the one place that makes a [`Scope`].

mod keys;
mod uses;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cairn_guard::ApiKey;
use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Role, Scope, Secret, Shutdown, Timestamp};
use cairn_store::Records;
use cairn_store::records::{KeyRow, RolloutRow, ScheduleRow, SourceRow};
use sha2::{Digest, Sha256};

pub use keys::{KeyUpdate, KeyWish, NewKey};
use uses::Uses;

/// The tenant that exists from the first start.
pub const DEFAULT_TENANT: &str = "default";

/// How long a key that was just checked is not looked up again. A change to the keys
/// takes effect at once all the same.
const REMEMBERED: Duration = Duration::from_secs(30);
const REMEMBERED_MAX: usize = 10_000;
/// How often the records learn when keys were used.
const TELL_EVERY: Duration = Duration::from_secs(30);

/// Authentication and the keeping of keys.
#[derive(Clone, Debug)]
pub struct Accounts {
    records: Records,
    fixed: Arc<HashMap<[u8; 32], Scope>>,
    seen: Arc<Mutex<HashMap<[u8; 32], Seen>>>,
    uses: Uses,
}

/// A key that was checked, at which revision of the records, and when.
#[derive(Clone, Debug)]
struct Seen {
    scope: Scope,
    revision: u64,
    since: Instant,
    /// When it stops to work by itself.
    ends: Option<Timestamp>,
}

/// Shortest admin key accepted from the configuration.
const ADMIN_KEY_MIN: usize = 16;

impl Accounts {
    /// Accounts in `records`. `admin_keys` are keys from the configuration (and the
    /// one the program makes for its own command line); they act as admins of the
    /// default tenant and are compared by their SHA-256.
    ///
    /// # Errors
    /// `Invalid` when a configured key is too short to be safe.
    pub async fn open(records: Records, admin_keys: &[Secret]) -> Result<Self> {
        let tenant = records.ensure_tenant(DEFAULT_TENANT).await?;
        let mut fixed = HashMap::new();
        for key in admin_keys {
            if key.expose().len() < ADMIN_KEY_MIN {
                return Err(Error::invalid(format!(
                    "the configured admin key is shorter than {ADMIN_KEY_MIN} characters; \
                     make one with `openssl rand -hex 32`"
                )));
            }
            let scope = grant(&tenant.id, "key_admin", Role::Admin, Vec::new());
            fixed.insert(digest(key.expose()), scope);
        }
        Ok(Self { records, fixed: Arc::new(fixed), seen: Arc::default(), uses: Uses::default() })
    }

    /// Who sends this key.
    ///
    /// # Errors
    /// `Unauthenticated`, always with the same words, but to who holds a key that has expired.
    pub async fn authenticate(&self, presented: &str) -> Result<Scope> {
        let presented = presented.trim();
        let digest = digest(presented);
        // Looking a digest up in a map leaks at most bits of a hash, never of the key.
        if let Some(scope) = self.fixed.get(&digest) {
            return Ok(scope.clone());
        }
        let now = self.records.clock().now();
        if let Some(scope) = self.remembered(&digest, now) {
            self.uses.note(scope.principal(), now);
            return Ok(scope);
        }
        let revision = self.records.revision();
        let key = ApiKey::parse(presented)?;
        let row = self.records.key_by_id(key.id().as_str()).await?;
        let row = row.filter(|row| row.revoked_at.is_none()).ok_or_else(ApiKey::refusal)?;
        let ends = ends(&key, &row, now)?;
        let principals =
            serde_json::from_str(&row.principals).or_internal("reading a key's principals")?;
        let scope = grant(&row.tenant_id, &row.id, row.role.parse()?, principals);
        self.uses.note(scope.principal(), now);
        if let Some(revision) = revision {
            let seen = Seen { scope: scope.clone(), revision, since: Instant::now(), ends };
            self.remember(digest, seen);
        }
        Ok(scope)
    }

    /// While a key is being changed nobody is remembered, and afterwards nobody who was
    /// checked before.
    fn remembered(&self, digest: &[u8; 32], now: Timestamp) -> Option<Scope> {
        let revision = self.records.revision()?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(digest)
            .filter(|seen| seen.revision == revision && seen.since.elapsed() < REMEMBERED)
            .filter(|seen| seen.ends.is_none_or(|at| now < at))
            .map(|seen| seen.scope.clone())
    }

    fn remember(&self, digest: [u8; 32], key: Seen) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED_MAX {
            seen.clear();
        }
        seen.insert(digest, key);
    }

    /// The name of the caller's tenant.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn tenant_name(&self, scope: &Scope) -> Result<String> {
        self.records.tenant_name(scope).await
    }

    /// Tells the records from time to time when keys were used, until a stop and once more then.
    pub async fn upkeep(&self, shutdown: Shutdown) {
        loop {
            let stop = tokio::select! {
                () = shutdown.requested() => true,
                () = tokio::time::sleep(TELL_EVERY) => false,
            };
            if let Err(error) = self.write_uses().await {
                tracing::error!(error = %error.detail(), "the last uses of keys stay for the next try");
            }
            if stop {
                return;
            }
        }
    }

    /// Tells the records when keys were used.
    ///
    /// # Errors
    /// `Internal` when they refuse; nothing is lost by that.
    pub async fn write_uses(&self) -> Result<()> {
        self.uses.write(&self.records).await
    }
}

/// When a key that was sent stops to work by itself; never for none.
///
/// # Errors
/// `Unauthenticated` when it does not work, or no more.
fn ends(key: &ApiKey, row: &KeyRow, now: Timestamp) -> Result<Option<Timestamp>> {
    let replaced = if key.matches(&row.hash) {
        None
    } else {
        let before = row.previous_hash.as_deref().is_some_and(|hash| key.matches(hash));
        Some(row.previous_until.filter(|_| before).ok_or_else(ApiKey::refusal)?)
    };
    if let Some(at) = row.expires_at.filter(|at| *at <= now) {
        return Err(key.expired(at / 1000));
    }
    if let Some(until) = replaced.filter(|until| *until <= now) {
        return Err(key.replaced(until / 1000));
    }
    Ok([row.expires_at, replaced].into_iter().flatten().min())
}

fn digest(text: &str) -> [u8; 32] {
    Sha256::digest(text).into()
}

#[expect(clippy::disallowed_methods, reason = "this is authentication")]
fn grant(tenant: &str, principal: &str, role: Role, principals: Vec<String>) -> Scope {
    Scope::grant(Id::from_raw(tenant), Id::from_raw(principal), role).with_principals(principals)
}

/// The scope in which the program itself looks after a tenant's things.
#[expect(
    clippy::disallowed_methods,
    reason = "upkeep acts for nobody and shows nothing to anybody"
)]
pub(crate) fn scope_of_program(tenant: &str) -> Scope {
    Scope::grant(Id::from_raw(tenant), Id::from_raw("program"), Role::Editor)
}

/// The scope in which the upkeep ends the delete that a caller asked for.
#[expect(clippy::disallowed_methods, reason = "the upkeep acts for an authenticated caller")]
pub(crate) fn scope_of_deleter(tenant: &str, principal: &str) -> Scope {
    Scope::grant(Id::from_raw(tenant), Id::from_raw(principal), Role::Editor)
}

/// The scope of the caller who enqueued a job.
///
/// # Errors
/// `Internal` when the job's row names an unknown role.
#[expect(clippy::disallowed_methods, reason = "the job runner acts for an authenticated caller")]
pub(crate) fn scope_of(job: &cairn_pipelines::Job) -> Result<Scope> {
    let role = job.role.parse().map_err(|_| {
        Error::new(Kind::Internal, format!("job {} has an unknown role '{}'", job.id, job.role))
    })?;
    Ok(Scope::grant(Id::from_raw(&job.tenant_id), Id::from_raw(&job.principal_id), role))
}

/// As [`scope_of`], speaking for the users and groups that the caller spoke for.
///
/// # Errors
/// `Internal` when the job's row names an unknown role.
#[expect(clippy::disallowed_methods, reason = "the job runner acts for an authenticated caller")]
pub(crate) fn scope_of_speaker(
    job: &cairn_pipelines::Job,
    principals: Vec<String>,
) -> Result<Scope> {
    Ok(scope_of(job)?.with_principals(principals))
}

/// The scope in which a rollout acts by itself: that of the caller who set it.
///
/// # Errors
/// `Internal` when its row names an unknown role.
#[expect(clippy::disallowed_methods, reason = "a rollout acts for an authenticated caller")]
pub(crate) fn scope_of_rollout(row: &RolloutRow) -> Result<Scope> {
    let role = row.role.parse().map_err(|_| {
        Error::internal(format!("rollout {} has an unknown role '{}'", row.id, row.role))
    })?;
    Ok(Scope::grant(Id::from_raw(&row.tenant_id), Id::from_raw(&row.principal_id), role))
}

/// The scope in which a scheduled evaluation runs: that of the caller who set the schedule up. It
/// speaks for whom that caller's `key` speaks now; as then for a key that is not in the records.
///
/// # Errors
/// `Internal` when its row cannot be read.
#[expect(clippy::disallowed_methods, reason = "a schedule acts for an authenticated caller")]
pub(crate) fn scope_of_schedule(row: &ScheduleRow, key: Option<&KeyRow>) -> Result<Scope> {
    let role = row.role.parse().map_err(|_| {
        Error::internal(format!("schedule {} has an unknown role '{}'", row.id, row.role))
    })?;
    let named = key.map_or(&row.principals, |key| &key.principals);
    let principals = serde_json::from_str(named).or_internal("reading a schedule")?;
    let scope = Scope::grant(Id::from_raw(&row.tenant_id), Id::from_raw(&row.principal_id), role);
    Ok(scope.with_principals(principals))
}

/// The scope in which a source is kept in step: that of the caller who made it.
///
/// # Errors
/// `Internal` when its row names an unknown role.
#[expect(clippy::disallowed_methods, reason = "a source acts for an authenticated caller")]
pub(crate) fn scope_of_source(row: &SourceRow) -> Result<Scope> {
    let role = row.role.parse().map_err(|_| {
        Error::internal(format!("source {} has an unknown role '{}'", row.id, row.role))
    })?;
    Ok(Scope::grant(Id::from_raw(&row.tenant_id), Id::from_raw(&row.principal_id), role))
}

#[cfg(test)]
mod tests;
