//! Files that come in parts.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::files::list_blob_removal;
use super::{FileRow, Records, Tx, commit};
use crate::BlobPath;

/// A file that comes in parts; each part's bytes are a blob.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct UploadRow {
    /// `upload_…`
    pub id: String,
    /// As the file shall be called.
    pub filename: String,
    /// The file's purpose.
    pub purpose: String,
    /// How many bytes were announced.
    pub bytes: i64,
    /// How long the file shall live once it is whole, in seconds.
    pub file_seconds: Option<i64>,
    /// `pending`, `completed` or `cancelled`; a pending one expires.
    pub status: String,
    /// The file, once it is whole.
    pub file_id: Option<String>,
    /// When it was begun.
    pub created_at: Timestamp,
    /// When it must be complete.
    pub expires_at: Timestamp,
}

/// A part of an upload.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct PartRow {
    /// `part_…`
    pub id: String,
    /// Its size.
    pub bytes: i64,
    /// When it came.
    pub created_at: Timestamp,
}

impl Records {
    /// Begins an upload.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_upload(&self, scope: &Scope, row: &UploadRow) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO uploads (id, tenant_id, filename, purpose, bytes, file_seconds, status, \
             created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(&row.id)
        .bind(scope.tenant().as_str())
        .bind(&row.filename)
        .bind(&row.purpose)
        .bind(row.bytes)
        .bind(row.file_seconds)
        .bind(&row.status)
        .bind(row.created_at)
        .bind(row.expires_at)
        .execute(&mut *tx)
        .await
        .or_internal("beginning an upload")?;
        commit(tx).await
    }

    /// One upload of the caller's tenant.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such upload.
    pub async fn upload(&self, scope: &Scope, id: &Id) -> Result<UploadRow> {
        sqlx::query_as(
            "SELECT id, filename, purpose, bytes, file_seconds, status, file_id, created_at, expires_at \
             FROM uploads WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading an upload")?
        .ok_or_else(|| Error::not_found(format!("upload '{id}'")))
    }

    /// Records a part whose blob is already written. Says whether the upload still
    /// waited for parts; if not, there is no such part.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_part(&self, scope: &Scope, upload: &Id, part: &PartRow) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "INSERT INTO upload_parts (id, upload_id, tenant_id, bytes, created_at) \
             SELECT $1, u.id, u.tenant_id, $4, $5 FROM uploads u \
             WHERE u.tenant_id = $2 AND u.id = $3 AND u.status = 'pending' AND u.expires_at > $5",
        )
        .bind(&part.id)
        .bind(scope.tenant().as_str())
        .bind(upload.as_str())
        .bind(part.bytes)
        .bind(part.created_at)
        .execute(&mut *tx)
        .await
        .or_internal("recording a part of an upload")?;
        commit(tx).await?;
        Ok(done.rows_affected() > 0)
    }

    /// The parts of an upload, in the order they came.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn upload_parts(&self, scope: &Scope, upload: &Id) -> Result<Vec<PartRow>> {
        sqlx::query_as(
            "SELECT id, bytes, created_at FROM upload_parts WHERE tenant_id = $1 AND upload_id = $2 \
             ORDER BY id",
        )
        .bind(scope.tenant().as_str())
        .bind(upload.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("listing the parts of an upload")
    }

    /// Ends an upload with its file, whose blob is already written: file, state and the
    /// removal of the parts in one transaction. Says whether the upload was pending.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn complete_upload(
        &self,
        scope: &Scope,
        upload: &Id,
        file: &FileRow,
    ) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE uploads SET status = 'completed', file_id = $3 WHERE tenant_id = $1 AND id = $2 \
             AND status = 'pending' AND expires_at > $4",
        )
        .bind(scope.tenant().as_str())
        .bind(upload.as_str())
        .bind(&file.id)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("completing an upload")?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        self.insert_file_within(&mut tx, scope, file).await?;
        remove_parts(&mut tx, scope.tenant(), upload).await?;
        commit(tx).await?;
        Ok(true)
    }

    /// Gives an upload up; its parts go. Says whether it was pending.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn cancel_upload(&self, scope: &Scope, upload: &Id) -> Result<bool> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE uploads SET status = 'cancelled' WHERE tenant_id = $1 AND id = $2 \
             AND status = 'pending'",
        )
        .bind(scope.tenant().as_str())
        .bind(upload.as_str())
        .execute(&mut *tx)
        .await
        .or_internal("cancelling an upload")?;
        remove_parts(&mut tx, scope.tenant(), upload).await?;
        commit(tx).await?;
        Ok(done.rows_affected() > 0)
    }

    /// Puts the parts of uploads whose time is over on the removal list, of every tenant;
    /// for upkeep. Returns how many uploads those were.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn expire_uploads(&self) -> Result<usize> {
        let due: Vec<(String, String)> = sqlx::query_as(
            "SELECT DISTINCT u.tenant_id, u.id FROM uploads u JOIN upload_parts p ON p.upload_id = u.id \
             WHERE u.status = 'pending' AND u.expires_at <= $1 LIMIT 100",
        )
        .bind(self.clock.now())
        .fetch_all(&self.read)
        .await
        .or_internal("looking up expired uploads")?;
        for (tenant, upload) in &due {
            let mut tx = self.begin().await?;
            remove_parts(&mut tx, &Id::from_raw(tenant), &Id::from_raw(upload)).await?;
            commit(tx).await?;
        }
        Ok(due.len())
    }
}

async fn remove_parts(tx: &mut Tx, tenant: &Id, upload: &Id) -> Result<()> {
    let gone: Vec<String> = sqlx::query_scalar(
        "DELETE FROM upload_parts WHERE tenant_id = $1 AND upload_id = $2 RETURNING id",
    )
    .bind(tenant.as_str())
    .bind(upload.as_str())
    .fetch_all(&mut **tx)
    .await
    .or_internal("removing the parts of an upload")?;
    for part in gone {
        list_blob_removal(tx, &BlobPath::part_of(tenant, upload, &Id::from_raw(part))).await?;
    }
    Ok(())
}
