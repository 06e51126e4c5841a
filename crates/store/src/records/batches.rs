//! Batches of files that are attached to a vector store together.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Attachment, FileCounts, Records, Tx, commit};

impl Records {
    /// Makes a batch within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_batch(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        id: &Id,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO file_batches (id, tenant_id, store_id, created_at) VALUES ($1, $2, $3, $4)",
        )
        .bind(id.as_str())
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("making a file batch")?;
        Ok(())
    }

    /// Counts a file that is attached to the batch it comes with, if any, within a transaction.
    pub(super) async fn join_batch(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        wanted: &Attachment,
    ) -> Result<()> {
        let Some(batch) = &wanted.batch else { return Ok(()) };
        sqlx::query(
            "INSERT INTO file_batch_files (batch_id, tenant_id, store_id, file_id, status) \
             SELECT $4, tenant_id, store_id, file_id, status FROM store_files \
             WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3 \
             ON CONFLICT (batch_id, file_id) DO UPDATE SET status = excluded.status",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(wanted.file.as_str())
        .bind(batch.as_str())
        .execute(&mut **tx)
        .await
        .or_internal("adding a file to a batch")?;
        Ok(())
    }

    /// How many of the files that a batch was given are in which state. Once a file is out of
    /// progress it stays counted as it was then; its bytes are not counted.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn batch_counts(&self, scope: &Scope, id: &Id) -> Result<FileCounts> {
        let rows: Vec<(String, i64)> = sqlx::query_as(
            "SELECT status, COUNT(*) FROM file_batch_files WHERE tenant_id = $1 AND batch_id = $2 \
             GROUP BY status",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("counting the files of a batch")?;
        let mut counts = FileCounts::default();
        for (status, files) in rows {
            counts.add(&status, files);
        }
        Ok(counts)
    }

    /// When a batch was made.
    ///
    /// # Errors
    /// `NotFound` when the store of the tenant has no such batch.
    pub async fn batch_created_at(&self, scope: &Scope, store: &Id, id: &Id) -> Result<Timestamp> {
        sqlx::query_scalar(
            "SELECT created_at FROM file_batches WHERE tenant_id = $1 AND store_id = $2 AND id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a file batch")?
        .ok_or_else(|| Error::not_found(format!("file batch '{id}'")))
    }

    /// Cancels what a batch has not read yet; returns how many files that were. A file that was
    /// completed before it came to the batch, and is cut anew, is read to the end.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn cancel_batch(&self, scope: &Scope, store: &Id, id: &Id) -> Result<u64> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE store_files SET status = 'cancelled', waiting = NULL, retry_at = NULL \
             WHERE tenant_id = $1 AND store_id = $2 AND batch_id = $3 AND status = 'in_progress'",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(id.as_str())
        .execute(&mut *tx)
        .await
        .or_internal("cancelling a file batch")?;
        commit(tx).await?;
        Ok(done.rows_affected())
    }
}
