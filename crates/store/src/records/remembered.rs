//! What requests with an idempotency key were answered, so that a retry gets the same.

use cairn_kernel::{Id, Result, ResultExt, Scope, Timestamp};

use super::{Records, Tx, commit};

/// Paths whose answers hold words of documents; a delete or a changed access list forgets
/// them, for what they rest on need not be named in them.
const ANSWERS: [&str; 4] =
    ["/v1/responses", "/v1/chat/", "/v1/vector_stores/%/search", "/cairn/v1/responses/"];

/// An answer that was given, and to what.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct RememberedRow {
    /// SHA-256 of the request.
    pub fingerprint: String,
    /// The request's path.
    pub path: String,
    /// The HTTP status.
    pub status: i64,
    /// Headers worth repeating: a JSON object.
    pub headers: String,
    /// The body.
    pub body: Vec<u8>,
    /// When it was answered.
    pub created_at: Timestamp,
}

impl Records {
    /// What the caller was answered under the key `name` since `since`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn remembered(
        &self,
        scope: &Scope,
        name: &str,
        since: Timestamp,
    ) -> Result<Option<RememberedRow>> {
        sqlx::query_as(
            "SELECT fingerprint, path, status, headers, body, created_at FROM remembered \
             WHERE tenant_id = $1 AND principal_id = $2 AND name = $3 AND created_at > $4",
        )
        .bind(scope.tenant().as_str())
        .bind(scope.principal().as_str())
        .bind(name)
        .bind(since)
        .fetch_optional(&self.read)
        .await
        .or_internal("looking up an idempotency key")
    }

    /// Remembers the answer to a request that began at `began`, unless answers were
    /// forgotten since then.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn remember(
        &self,
        scope: &Scope,
        name: &str,
        row: &RememberedRow,
        began: Timestamp,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO remembered (tenant_id, principal_id, name, fingerprint, path, status, headers, \
             body, created_at) SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9 \
             WHERE EXISTS (SELECT 1 FROM tenants WHERE id = $1) \
             AND NOT EXISTS (SELECT 1 FROM forgotten WHERE tenant_id = $1 AND at >= $10) \
             ON CONFLICT (tenant_id, principal_id, name) DO UPDATE SET \
             fingerprint = excluded.fingerprint, path = excluded.path, status = excluded.status, \
             headers = excluded.headers, body = excluded.body, created_at = excluded.created_at",
        )
        .bind(scope.tenant().as_str())
        .bind(scope.principal().as_str())
        .bind(name)
        .bind(&row.fingerprint)
        .bind(&row.path)
        .bind(row.status)
        .bind(&row.headers)
        .bind(&row.body)
        .bind(row.created_at)
        .bind(began)
        .execute(&mut *tx)
        .await
        .or_internal("remembering an answer")?;
        commit(tx).await
    }

    /// Forgets what the caller was answered under the key `name`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn forget_one(&self, scope: &Scope, name: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "DELETE FROM remembered WHERE tenant_id = $1 AND principal_id = $2 AND name = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(scope.principal().as_str())
        .bind(name)
        .execute(&mut *tx)
        .await
        .or_internal("forgetting an answer")?;
        commit(tx).await
    }

    /// Forgets answers older than `before`; for upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn forget_remembered(&self, before: Timestamp) -> Result<u64> {
        let due: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM remembered WHERE created_at <= $1")
            .bind(before)
            .fetch_one(&self.read)
            .await
            .or_internal("counting old answers")?;
        if due == 0 {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM remembered WHERE created_at <= $1")
            .bind(before)
            .execute(&mut *tx)
            .await
            .or_internal("forgetting old answers")?;
        commit(tx).await?;
        Ok(done.rows_affected())
    }

    /// Forgets what the tenant's documents were made to say.
    pub(super) async fn forget_answers(&self, tx: &mut Tx, scope: &Scope) -> Result<()> {
        self.forget_answers_of(tx, scope.tenant().as_str()).await
    }

    /// As [`Records::forget_answers`], of a tenant that need not be the caller's.
    pub(super) async fn forget_answers_of(&self, tx: &mut Tx, tenant: &str) -> Result<()> {
        for path in ANSWERS {
            sqlx::query("DELETE FROM remembered WHERE tenant_id = $1 AND path LIKE $2")
                .bind(tenant)
                .bind(format!("{path}%"))
                .execute(&mut **tx)
                .await
                .or_internal("forgetting answers")?;
        }
        sqlx::query(
            "INSERT INTO forgotten (tenant_id, at) VALUES ($1, $2) \
             ON CONFLICT (tenant_id) DO UPDATE SET at = excluded.at",
        )
        .bind(tenant)
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("forgetting answers")?;
        Ok(())
    }

    /// Forgets every answer that names `id`, and all that documents were made to say.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn forget_naming(&self, tx: &mut Tx, scope: &Scope, id: &Id) -> Result<()> {
        self.forget_answers(tx, scope).await?;
        sqlx::query("DELETE FROM remembered WHERE tenant_id = $1 AND CAST(body AS TEXT) LIKE $2")
            .bind(scope.tenant().as_str())
            .bind(format!("%{id}%"))
            .execute(&mut **tx)
            .await
            .or_internal("forgetting answers")?;
        Ok(())
    }
}
