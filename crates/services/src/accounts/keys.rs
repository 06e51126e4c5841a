//! The keeping of keys: made, changed, given new secrets, ended.

use cairn_guard::ApiKey;
use cairn_kernel::{Error, Id, Result, Role, Scope, Secret, Timestamp};
use cairn_store::records::{KeyChanges, KeyRow, NewKeyRow};

use super::{Accounts, DEFAULT_TENANT};
use crate::access;

/// Longest name of a key, in characters.
const NAME_MAX: usize = 256;
/// The latest end of a key, in Unix seconds: that of the year 9999. Later ones are milliseconds.
const EXPIRES_MAX: i64 = 253_402_300_799;
/// How long the secret before a rotation may work, in seconds: a week.
const GRACE_MAX: i64 = 7 * 86_400;

/// A key that has a secret no one saw yet: it was just made or rotated.
#[derive(Clone, Debug)]
pub struct NewKey {
    /// The whole key, as clients send it; shown this once.
    pub key: Secret,
    /// What the records keep of it.
    pub row: KeyRow,
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
    /// When it ends, in Unix seconds; never without.
    pub expires_at: Option<i64>,
}

/// What to change of a key; the rest stays.
#[derive(Clone, Debug, Default)]
pub struct KeyUpdate {
    /// What to call it.
    pub name: Option<String>,
    /// The users and groups it speaks for, in place of those before.
    pub principals: Option<Vec<String>>,
    /// When it ends, in Unix seconds; `Some(None)` for never.
    pub expires_at: Option<Option<i64>>,
}

impl Accounts {
    /// Makes a key; the tenant is made too if it is new.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin; `Invalid` naming what does not fit.
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
            expires_at: None,
        };
        self.issue(wish).await.map(Some)
    }

    async fn issue(&self, wish: KeyWish<'_>) -> Result<NewKey> {
        let KeyWish { tenant, role, name, principals, expires_at } = wish;
        let usable = !tenant.is_empty()
            && tenant.len() <= 64
            && tenant.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        if !usable {
            return Err(Error::invalid(format!(
                "'{tenant}' cannot name a tenant; use up to 64 letters, digits, '-', '_' and '.'"
            ))
            .with_param("tenant"));
        }
        require_name(name)?;
        let principals = access::principals(principals)?;
        let expires_at = expires_at.map(|at| ending(at, self.records.clock().now())).transpose()?;
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
            expires_at,
        };
        let row = self.records.insert_key(&new).await?;
        tracing::info!(key = %key.id(), tenant, %role, "key created");
        Ok(NewKey { key: Secret::new(key.expose()), row })
    }

    /// Every key without its secret.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin.
    pub async fn list_keys(&self, scope: &Scope) -> Result<Vec<KeyRow>> {
        let rows = self.records.list_keys(scope).await?;
        Ok(rows.into_iter().map(|row| self.used(row)).collect())
    }

    /// Changes a key: every request that begins once this has returned is the changed key's.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin, `NotFound`, `Invalid` naming what does not fit,
    /// `Conflict` for a revoked key and for the end of the last admin key without one.
    pub async fn update_key(&self, scope: &Scope, id: &str, update: KeyUpdate) -> Result<KeyRow> {
        scope.require(Role::Admin)?;
        let KeyUpdate { name, principals, expires_at } = update;
        name.as_deref().map_or(Ok(()), require_name)?;
        let now = self.records.clock().now();
        let changes = KeyChanges {
            name,
            principals: principals.map(access::principals).transpose()?,
            expires_at: match expires_at {
                Some(Some(at)) => Some(Some(ending(at, now)?)),
                Some(None) => Some(None),
                None => None,
            },
        };
        let row = self.records.update_key(scope, id, &changes).await?;
        tracing::info!(
            key = id,
            tenant = row.tenant_name,
            renamed = changes.name.is_some(),
            principals = changes.principals.is_some(),
            expires_at = row.expires_at,
            by = %scope.principal(),
            "key changed"
        );
        Ok(self.used(row))
    }

    /// Gives a key a new secret; the one before works for `grace_s` seconds more.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin, `NotFound`, `Invalid` for a grace of more than a
    /// week, `Conflict` for a key that is revoked or has expired.
    pub async fn rotate_key(&self, scope: &Scope, id: &str, grace_s: i64) -> Result<NewKey> {
        scope.require(Role::Admin)?;
        if !(0..=GRACE_MAX).contains(&grace_s) {
            return Err(Error::invalid(format!(
                "grace_s is {grace_s}; it must be between 0 (the old secret ends at once) and \
                 {GRACE_MAX} seconds (a week)"
            ))
            .with_param("grace_s"));
        }
        let key = ApiKey::renewed(Id::from_raw(id));
        let until = self.records.clock().now() + grace_s * 1000;
        let row = self.records.rotate_key(scope, id, &key.hash(), until).await?;
        tracing::info!(
            key = id,
            tenant = row.tenant_name,
            grace_s,
            by = %scope.principal(),
            "key rotated"
        );
        Ok(NewKey { key: Secret::new(key.expose()), row: self.used(row) })
    }

    /// Ends a key at once.
    ///
    /// # Errors
    /// `Forbidden` unless the caller is an admin, `NotFound` for an unknown key, `Conflict` for the
    /// last admin key without an end.
    pub async fn revoke_key(&self, scope: &Scope, id: &str) -> Result<()> {
        self.records.revoke_key(scope, id).await?;
        tracing::info!(key = id, "key revoked");
        Ok(())
    }

    /// The row with its newest use, which the records may not know yet.
    fn used(&self, row: KeyRow) -> KeyRow {
        KeyRow { used_at: row.used_at.max(self.uses.of(&row.id)), ..row }
    }
}

fn require_name(name: &str) -> Result<()> {
    let length = name.chars().count();
    if length <= NAME_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!("the key's name has {length} characters; use up to {NAME_MAX}"))
        .with_param("name"))
}

/// When a key ends, out of Unix seconds.
fn ending(expires_at: i64, now: Timestamp) -> Result<Timestamp> {
    if (now / 1000 + 1..=EXPIRES_MAX).contains(&expires_at) {
        return Ok(expires_at * 1000);
    }
    let text = format!(
        "expires_at is {expires_at}; it is a time to come in Unix seconds (now is {}), or null for \
         never; a key that shall end at once is revoked",
        now / 1000
    );
    Err(Error::invalid(text).with_param("expires_at"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_in_seconds_and_to_come() {
        let now = 1_700_000_000_500;
        assert_eq!(ending(1_700_000_001, now).ok(), Some(1_700_000_001_000));
        assert_eq!(ending(EXPIRES_MAX, now).ok(), Some(EXPIRES_MAX * 1000));
        for wrong in [i64::MIN, 0, 1_700_000_000, 1_800_000_000_000, i64::MAX] {
            let refused = ending(wrong, now).unwrap_err();
            assert_eq!(refused.param(), Some("expires_at"), "{wrong}");
            assert!(refused.message().contains(&wrong.to_string()), "{refused}");
        }
    }

    #[test]
    fn a_name_that_is_too_long_is_told() {
        assert!(require_name(&"é".repeat(NAME_MAX)).is_ok());
        let refused = require_name(&"é".repeat(NAME_MAX + 1)).unwrap_err();
        assert_eq!(refused.param(), Some("name"));
    }
}
