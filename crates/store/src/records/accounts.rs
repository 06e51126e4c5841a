//! Tenants and API keys. These run before there is a scope, or to make one.

use cairn_kernel::{Error, Id, Result, ResultExt, Role, Scope, Timestamp};

use super::{Records, commit};

/// A query of [`KeyRow`]s, which ends with these words.
macro_rules! keys {
    ($rest:literal) => {
        concat!(
            "SELECT k.id, k.tenant_id, t.name AS tenant_name, k.role, k.name, k.principals, k.hash, \
             k.previous_hash, k.previous_until, k.created_at, k.expires_at, k.revoked_at, u.used_at \
             FROM api_keys k JOIN tenants t ON t.id = k.tenant_id \
             LEFT JOIN key_uses u ON u.key_id = k.id ",
            $rest
        )
    };
}
pub(super) use keys;

/// A customer whose rows no other sees.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct TenantRow {
    /// `ten_…`
    pub id: String,
    /// Unique, chosen by the admin.
    pub name: String,
}

/// An API key, without the secret: only its SHA-256 is kept.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct KeyRow {
    /// `key_…`, the part of the key that is not secret.
    pub id: String,
    /// Whose key it is.
    pub tenant_id: String,
    /// The tenant's name.
    pub tenant_name: String,
    /// A [`Role`] by name.
    pub role: String,
    /// What the admin called it.
    pub name: String,
    /// The users and groups it speaks for: a JSON list.
    pub principals: String,
    /// SHA-256 of the secret, hex.
    pub hash: String,
    /// The same of the secret before the last rotation.
    pub previous_hash: Option<String>,
    /// Until when that works too.
    pub previous_until: Option<Timestamp>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it stops to work by itself.
    pub expires_at: Option<Timestamp>,
    /// When somebody ended it.
    pub revoked_at: Option<Timestamp>,
    /// When it was last used, to half a minute.
    pub used_at: Option<Timestamp>,
}

/// A key to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKeyRow<'a> {
    /// The part of the key that is not secret.
    pub id: &'a Id,
    /// Whose key it is.
    pub tenant: &'a Id,
    /// What it may do.
    pub role: Role,
    /// What the admin calls it.
    pub name: &'a str,
    /// For whom it speaks.
    pub principals: &'a [String],
    /// SHA-256 of the secret, hex.
    pub hash: &'a str,
    /// When it ends; never without.
    pub expires_at: Option<Timestamp>,
}

impl Records {
    /// The tenant called `name`, made if it is new.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn ensure_tenant(&self, name: &str) -> Result<TenantRow> {
        let mut tx = self.begin().await?;
        let row = sqlx::query_as(
            "INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id, name",
        )
        .bind(Id::generate("ten_").as_str())
        .bind(name)
        .bind(self.clock.now())
        .fetch_one(&mut *tx)
        .await
        .or_internal("making a tenant")?;
        commit(tx).await?;
        Ok(row)
    }

    /// The name of the caller's tenant.
    ///
    /// # Errors
    /// `NotFound` when the tenant is gone.
    pub async fn tenant_name(&self, scope: &Scope) -> Result<String> {
        sqlx::query_scalar("SELECT name FROM tenants WHERE id = $1")
            .bind(scope.tenant().as_str())
            .fetch_optional(&self.read)
            .await
            .or_internal("reading a tenant")?
            .ok_or_else(|| Error::not_found("the tenant of this key"))
    }

    /// Stores a new key, and gives back its row.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_key(&self, key: &NewKeyRow<'_>) -> Result<KeyRow> {
        let principals = serde_json::to_string(key.principals).or_internal("writing principals")?;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO api_keys (id, tenant_id, role, name, principals, hash, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(key.id.as_str())
        .bind(key.tenant.as_str())
        .bind(key.role.as_str())
        .bind(key.name)
        .bind(principals)
        .bind(key.hash)
        .bind(self.clock.now())
        .bind(key.expires_at)
        .execute(&mut *tx)
        .await
        .or_internal("storing a key")?;
        let row = sqlx::query_as(keys!("WHERE k.id = $1"))
            .bind(key.id.as_str())
            .fetch_one(&mut *tx)
            .await
            .or_internal("reading a new key")?;
        commit(tx).await?;
        Ok(row)
    }

    /// Looks a key up by its id, for authentication.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn key_by_id(&self, id: &str) -> Result<Option<KeyRow>> {
        sqlx::query_as(keys!("WHERE k.id = $1"))
            .bind(id)
            .fetch_optional(&self.read)
            .await
            .or_internal("looking up a key")
    }

    /// Every key, newest first, for an admin.
    ///
    /// # Errors
    /// `Forbidden` for others.
    pub async fn list_keys(&self, scope: &Scope) -> Result<Vec<KeyRow>> {
        scope.require(Role::Admin)?;
        sqlx::query_as(keys!("ORDER BY k.id DESC"))
            .fetch_all(&self.read)
            .await
            .or_internal("listing keys")
    }

    /// Whether any key was ever made; decides whether a first start prints one.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn has_keys(&self) -> Result<bool> {
        let count: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM api_keys")
            .fetch_one(&self.read)
            .await
            .or_internal("counting keys")?;
        Ok(count > 0)
    }
}
