//! Tenants, keys and authentication: the one place that makes a [`Scope`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cairn_guard::ApiKey;
use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Role, Scope, Secret};
use cairn_store::Records;
use cairn_store::records::{KeyRow, NewKeyRow, RolloutRow, ScheduleRow, SourceRow};
use sha2::{Digest, Sha256};

use crate::access;

/// The tenant that exists from the first start.
pub const DEFAULT_TENANT: &str = "default";

/// How long a key that was just checked is not looked up again. A change to the keys
/// takes effect at once all the same.
const REMEMBERED: Duration = Duration::from_secs(30);
const REMEMBERED_MAX: usize = 10_000;

/// Authentication and the keeping of keys.
#[derive(Clone, Debug)]
pub struct Accounts {
    records: Records,
    fixed: Arc<HashMap<[u8; 32], Scope>>,
    seen: Arc<Mutex<HashMap<[u8; 32], Seen>>>,
}

/// A key that was checked, at which revision of the records, and when.
#[derive(Clone, Debug)]
struct Seen {
    scope: Scope,
    revision: u64,
    since: Instant,
}

/// A key that was just made. Its secret is shown this once.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The key's id.
    pub id: Id,
    /// The whole key, as clients send it.
    pub key: Secret,
    /// The tenant's name.
    pub tenant: String,
    /// What it may do.
    pub role: Role,
    /// What the admin called it.
    pub name: String,
    /// The users and groups it speaks for.
    pub principals: Vec<String>,
}

/// A key to be made.
#[derive(Clone, Debug)]
pub struct KeyWish<'a> {
    /// The tenant's name; it is made if it is new.
    pub tenant: &'a str,
    /// What the key may do.
    pub role: Role,
    /// What to call it.
    pub name: &'a str,
    /// The users and groups it speaks for.
    pub principals: Vec<String>,
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
        Ok(Self { records, fixed: Arc::new(fixed), seen: Arc::default() })
    }

    /// Who sends this key.
    ///
    /// # Errors
    /// `Unauthenticated`, always with the same words.
    pub async fn authenticate(&self, presented: &str) -> Result<Scope> {
        let presented = presented.trim();
        let digest = digest(presented);
        // Looking a digest up in a map leaks at most bits of a hash, never of the key.
        if let Some(scope) = self.fixed.get(&digest) {
            return Ok(scope.clone());
        }
        if let Some(scope) = self.remembered(&digest) {
            return Ok(scope);
        }
        let revision = self.records.revision();
        let key = ApiKey::parse(presented)?;
        let row = self.records.key_by_id(key.id().as_str()).await?;
        let row = row.filter(|row| row.revoked_at.is_none()).ok_or_else(ApiKey::refusal)?;
        if !key.matches(&row.hash) {
            return Err(ApiKey::refusal());
        }
        let principals =
            serde_json::from_str(&row.principals).or_internal("reading a key's principals")?;
        let scope = grant(&row.tenant_id, &row.id, row.role.parse()?, principals);
        if let Some(revision) = revision {
            self.remember(digest, Seen { scope: scope.clone(), revision, since: Instant::now() });
        }
        Ok(scope)
    }

    /// While a key is being changed nobody is remembered, and afterwards nobody who was
    /// checked before.
    fn remembered(&self, digest: &[u8; 32]) -> Option<Scope> {
        let now = self.records.revision()?;
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        seen.get(digest)
            .filter(|seen| seen.revision == now && seen.since.elapsed() < REMEMBERED)
            .map(|seen| seen.scope.clone())
    }

    fn remember(&self, digest: [u8; 32], key: Seen) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= REMEMBERED_MAX {
            seen.clear();
        }
        seen.insert(digest, key);
    }

    /// Makes a key; the tenant is made too if it is new.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin; `Invalid` for an unusable name.
    pub async fn create_key(&self, scope: &Scope, wish: KeyWish<'_>) -> Result<NewKey> {
        scope.require(Role::Admin)?;
        self.issue(wish).await
    }

    /// Makes the first admin key when there is no key yet, for a first start.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn first_key(&self) -> Result<Option<NewKey>> {
        if self.records.has_keys().await? {
            return Ok(None);
        }
        let wish = KeyWish {
            tenant: DEFAULT_TENANT,
            role: Role::Admin,
            name: "first admin key",
            principals: Vec::new(),
        };
        self.issue(wish).await.map(Some)
    }

    async fn issue(&self, wish: KeyWish<'_>) -> Result<NewKey> {
        let KeyWish { tenant, role, name, principals } = wish;
        let usable = !tenant.is_empty()
            && tenant.len() <= 64
            && tenant.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !usable {
            return Err(Error::invalid(format!(
                "'{tenant}' cannot name a tenant; use up to 64 letters, digits, '-', '_' and '.'"
            ))
            .with_param("tenant"));
        }
        let principals = access::principals(principals)?;
        let row = self.records.ensure_tenant(tenant).await?;
        let key = ApiKey::generate();
        let tenant_id = Id::from_raw(row.id);
        let hash = key.hash();
        let new = NewKeyRow {
            id: key.id(),
            tenant: &tenant_id,
            role,
            name,
            principals: &principals,
            hash: &hash,
        };
        self.records.insert_key(&new).await?;
        tracing::info!(key = %key.id(), tenant, %role, "key created");
        Ok(NewKey {
            id: key.id().clone(),
            key: Secret::new(key.expose()),
            tenant: row.name,
            role,
            name: name.to_owned(),
            principals,
        })
    }

    /// The name of the caller's tenant.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn tenant_name(&self, scope: &Scope) -> Result<String> {
        self.records.tenant_name(scope).await
    }

    /// Every key without its secret.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin.
    pub async fn list_keys(&self, scope: &Scope) -> Result<Vec<KeyRow>> {
        self.records.list_keys(scope).await
    }

    /// Ends a key at once.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin, `NotFound` for an unknown key.
    pub async fn revoke_key(&self, scope: &Scope, id: &str) -> Result<()> {
        self.records.revoke_key(scope, id).await?;
        tracing::info!(key = id, "key revoked");
        Ok(())
    }
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

/// The scope in which a scheduled evaluation runs: that of the caller who set the schedule up.
///
/// # Errors
/// `Internal` when its row cannot be read.
#[expect(clippy::disallowed_methods, reason = "a schedule acts for an authenticated caller")]
pub(crate) fn scope_of_schedule(row: &ScheduleRow) -> Result<Scope> {
    let role = row.role.parse().map_err(|_| {
        Error::internal(format!("schedule {} has an unknown role '{}'", row.id, row.role))
    })?;
    let principals = serde_json::from_str(&row.principals).or_internal("reading a schedule")?;
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
