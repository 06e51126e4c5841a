//! What was deleted, by whom, and the certificates of it.

use cairn_kernel::{Error, Id, Result, ResultExt, Role, Scope, Timestamp};

use super::{Page, Records, Tx, commit, paged};

/// A delete, and its certificate once the bytes are gone too.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ErasureRow {
    /// `era_…`
    pub id: String,
    /// Whose it was.
    pub tenant_id: String,
    /// `file`, `vector_store` or `tenant`.
    pub kind: String,
    /// The id of what was deleted.
    pub subject: String,
    /// The key that asked for it.
    pub principal_id: String,
    /// `requested`, `expired`, `removed`, `replaced` or `unreadable`.
    pub reason: String,
    /// What was destroyed where: a JSON object.
    pub destroyed: String,
    /// When it was deleted: from then on nothing is answered from it.
    pub requested_at: Timestamp,
    /// When the last of its bytes was gone.
    pub completed_at: Option<Timestamp>,
    /// The certificate, exactly as it was signed.
    pub certificate: Option<String>,
    /// Its signature, hex.
    pub signature: Option<String>,
}

/// A delete to be noted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewErasure {
    /// `file`, `vector_store` or `tenant`.
    pub kind: &'static str,
    /// The id of what is deleted.
    pub subject: String,
    /// `requested`, `expired`, `removed`, `replaced` or `unreadable`.
    pub reason: &'static str,
    /// What was destroyed where: a JSON object.
    pub destroyed: String,
}

impl Records {
    /// Notes a delete, within the transaction that does it.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_erasure(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        tenant: &Id,
        new: &NewErasure,
    ) -> Result<ErasureRow> {
        sqlx::query_as(
            "INSERT INTO erasures (id, tenant_id, kind, subject, principal_id, reason, destroyed, \
             requested_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             RETURNING id, tenant_id, kind, subject, principal_id, reason, destroyed, requested_at, \
             completed_at, certificate, signature",
        )
        .bind(Id::generate("era_").as_str())
        .bind(tenant.as_str())
        .bind(new.kind)
        .bind(&new.subject)
        .bind(scope.principal().as_str())
        .bind(new.reason)
        .bind(&new.destroyed)
        .bind(self.clock.now())
        .fetch_one(&mut **tx)
        .await
        .or_internal("noting a delete")
    }

    /// The deletes of the caller's tenant; of every tenant for an admin, since those of a
    /// deleted tenant have nobody else.
    ///
    /// # Errors
    /// `Forbidden` for viewers.
    pub async fn list_erasures(&self, scope: &Scope, page: &Page) -> Result<Vec<ErasureRow>> {
        scope.require(Role::Editor)?;
        let rows = paged!(
            page,
            ErasureRow,
            "SELECT id, tenant_id, kind, subject, principal_id, reason, destroyed, requested_at, \
             completed_at, certificate, signature FROM erasures WHERE (tenant_id = $1 OR $4 = 1)"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(i64::from(scope.role() >= Role::Admin))
        .fetch_all(&self.read)
        .await
        .or_internal("listing deletes")?;
        Ok(page.arrange(rows))
    }

    /// One delete, as [`Records::list_erasures`] shows it.
    ///
    /// # Errors
    /// `NotFound` when there is none for this caller.
    pub async fn erasure(&self, scope: &Scope, id: &Id) -> Result<ErasureRow> {
        scope.require(Role::Editor)?;
        sqlx::query_as(
            "SELECT id, tenant_id, kind, subject, principal_id, reason, destroyed, requested_at, \
             completed_at, certificate, signature FROM erasures \
             WHERE (tenant_id = $1 OR $3 = 1) AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(i64::from(scope.role() >= Role::Admin))
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a delete")?
        .ok_or_else(|| Error::not_found(format!("erasure '{id}'")))
    }

    /// Deletes whose bytes may still be there, of every tenant; for upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn pending_erasures(&self) -> Result<Vec<ErasureRow>> {
        sqlx::query_as(
            "SELECT id, tenant_id, kind, subject, principal_id, reason, destroyed, requested_at, \
             completed_at, certificate, signature FROM erasures WHERE completed_at IS NULL ORDER BY id",
        )
        .fetch_all(&self.read)
        .await
        .or_internal("looking up pending deletes")
    }

    /// Whether a delete waits for its certificate. One by which a newer version of a document
    /// took the place of an older one counts only if it was before `replaced_before`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn erasures_wait(&self, replaced_before: Timestamp) -> Result<bool> {
        sqlx::query_scalar(
            "SELECT EXISTS (SELECT 1 FROM erasures WHERE completed_at IS NULL \
             AND (reason NOT IN ('replaced', 'unreadable') OR requested_at < $1))",
        )
        .bind(replaced_before)
        .fetch_one(&self.read)
        .await
        .or_internal("looking for pending deletes")
    }

    /// Files the certificate of a delete whose bytes are gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn complete_erasure(
        &self,
        id: &str,
        completed_at: Timestamp,
        certificate: &str,
        signature: &str,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE erasures SET completed_at = $2, certificate = $3, signature = $4 \
             WHERE id = $1 AND completed_at IS NULL",
        )
        .bind(id)
        .bind(completed_at)
        .bind(certificate)
        .bind(signature)
        .execute(&mut *tx)
        .await
        .or_internal("filing a certificate")?;
        commit(tx).await
    }
}
