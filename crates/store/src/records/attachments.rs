//! What changes about a file while it is attached: its attributes, and whether it is
//! still to be read.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Attachment, Records, Tx};

/// What there is of an attachment that is asked for again.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct HeldAttachment {
    /// `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: String,
    /// A JSON object of attributes.
    pub attributes: String,
    /// Most tokens of a chunk.
    pub chunk_tokens: i64,
    /// Tokens a chunk shares with the one before.
    pub overlap_tokens: i64,
    /// How it is cut where the tokens do not say it: a JSON object.
    pub chunking: Option<String>,
    /// Which attachment of the file it is.
    pub revision: i64,
}

impl HeldAttachment {
    /// Whether the file is read, or to be read, in just the way that is wanted.
    pub(super) fn is_as(&self, wanted: &Attachment) -> bool {
        matches!(self.status.as_str(), "in_progress" | "completed")
            && self.chunk_tokens == wanted.chunk_tokens
            && self.overlap_tokens == wanted.overlap_tokens
            && self.chunking == wanted.chunking
    }
}

impl Records {
    /// What a file is attached as, within a transaction; `None` when it is not.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn attachment(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        file: &Id,
    ) -> Result<Option<HeldAttachment>> {
        sqlx::query_as(
            "SELECT status, attributes, chunk_tokens, overlap_tokens, chunking, revision \
             FROM store_files WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .fetch_optional(&mut **tx)
        .await
        .or_internal("looking up an attachment")
    }

    /// The attributes of an attached file as they are now, a JSON object, for the index;
    /// `None` when it is not attached.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn attributes_of(
        &self,
        scope: &Scope,
        store: &Id,
        file: &Id,
    ) -> Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT attributes FROM store_files WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading attributes")
    }

    /// Replaces the attributes of an attached file, within a transaction.
    ///
    /// # Errors
    /// `NotFound` when it is not attached to that store of the tenant.
    pub async fn set_attributes(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        file: &Id,
        attributes: &str,
    ) -> Result<()> {
        let done = sqlx::query(
            "UPDATE store_files SET attributes = $4 WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .bind(attributes)
        .execute(&mut **tx)
        .await
        .or_internal("changing attributes")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("file '{file}' in vector store '{store}'")));
        }
        Ok(())
    }

    /// Whether this attachment is still to be read, within a transaction: it was not
    /// deleted, cancelled or replaced meanwhile.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn is_in_progress(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, file, revision): (&Id, &Id, i64),
    ) -> Result<bool> {
        let found: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM store_files WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3 \
             AND revision = $4 AND status = 'in_progress'",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .bind(revision)
        .fetch_one(&mut **tx)
        .await
        .or_internal("looking up an attachment")?;
        Ok(found > 0)
    }

    /// Notes, within a transaction, what the reading of this attachment waits for and when it is
    /// tried again, or with `None` that it goes on. Nothing is noted of one that is no longer to
    /// be read.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn note_waiting(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, file, revision): (&Id, &Id, i64),
        wait: Option<(&str, Timestamp)>,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE store_files SET waiting = $5, retry_at = $6 WHERE tenant_id = $1 \
             AND store_id = $2 AND file_id = $3 AND revision = $4 AND status = 'in_progress'",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .bind(revision)
        .bind(wait.map(|(reason, _)| reason))
        .bind(wait.map(|(_, retry_at)| retry_at))
        .execute(&mut **tx)
        .await
        .or_internal("noting what a file waits for")?;
        Ok(())
    }
}
