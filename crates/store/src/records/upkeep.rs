//! What the program itself must know across tenants: pending physical deletes,
//! and the whole truth about an index. No request handler calls these.

use cairn_kernel::{Result, ResultExt};

use super::{Records, commit};
use crate::BlobPath;

impl Records {
    /// Points whose rows are gone, with their store, up to `limit`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn pending_point_removals(&self, limit: i64) -> Result<Vec<(String, i64)>> {
        sqlx::query_as("SELECT store_id, seq FROM index_removals ORDER BY store_id, seq LIMIT $1")
            .bind(limit)
            .fetch_all(&self.read)
            .await
            .or_internal("reading pending index removals")
    }

    /// Notes that points are out of the index.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn points_removed(&self, points: &[i64]) -> Result<()> {
        let mut tx = self.begin().await?;
        for point in points {
            sqlx::query("DELETE FROM index_removals WHERE seq = $1")
                .bind(point)
                .execute(&mut *tx)
                .await
                .or_internal("noting index removals")?;
        }
        commit(tx).await
    }

    /// Blobs whose rows are gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn pending_blob_removals(&self, limit: i64) -> Result<Vec<BlobPath>> {
        let paths: Vec<String> = sqlx::query_scalar("SELECT path FROM blob_removals LIMIT $1")
            .bind(limit)
            .fetch_all(&self.read)
            .await
            .or_internal("reading pending blob removals")?;
        Ok(paths.iter().map(|path| BlobPath::from_record(path)).collect())
    }

    /// Notes that a blob's bytes are gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn blob_removed(&self, path: &BlobPath) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM blob_removals WHERE path = $1")
            .bind(path.as_str())
            .execute(&mut *tx)
            .await
            .or_internal("noting a blob's removal")?;
        commit(tx).await
    }

    /// The ids of all stores there are.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn all_store_ids(&self) -> Result<Vec<String>> {
        sqlx::query_scalar("SELECT id FROM vector_stores ORDER BY id")
            .fetch_all(&self.read)
            .await
            .or_internal("listing all vector stores")
    }

    /// The points that the index of a store must have.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn points_of_store(&self, store: &str) -> Result<Vec<i64>> {
        sqlx::query_scalar(
            "SELECT c.seq FROM chunks c JOIN store_files sf \
             ON sf.store_id = c.store_id AND sf.file_id = c.file_id \
             WHERE c.store_id = $1 AND sf.status = 'completed' ORDER BY c.seq",
        )
        .bind(store)
        .fetch_all(&self.read)
        .await
        .or_internal("listing a store's points")
    }

    /// What is needed to rebuild points of a store: id, file, attributes, text, vector.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn points_to_rebuild(
        &self,
        store: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, String, String, String, Vec<u8>)>> {
        sqlx::query_as(
            "SELECT c.seq, c.file_id, sf.attributes, c.text, c.vector FROM chunks c \
             JOIN store_files sf ON sf.store_id = c.store_id AND sf.file_id = c.file_id \
             WHERE c.store_id = $1 AND c.seq > $2 AND sf.status = 'completed' ORDER BY c.seq LIMIT $3",
        )
        .bind(store)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("reading points to rebuild")
    }

    /// Moves the write-ahead log into the database file and empties it.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn checkpoint(&self) -> Result<()> {
        sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&self.write)
            .await
            .or_internal("checkpointing the records")?;
        Ok(())
    }
}
