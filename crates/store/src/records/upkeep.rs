//! What the program itself must know across tenants: pending physical deletes,
//! and the whole truth about an index. No request handler calls these.

use std::collections::HashSet;
use std::time::Duration;

use cairn_kernel::{Error, Result, ResultExt};

use super::chunks::stands_above;
use super::{Records, commit};
use crate::BlobPath;

/// How often, and how long apart, emptying the log is tried.
const CHECKPOINT_TRIES: u32 = 5;
const CHECKPOINT_WAIT: Duration = Duration::from_millis(250);

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

    /// The points of a store that answer now, in the order they were made.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn points_of_store(&self, store: &str) -> Result<Vec<i64>> {
        sqlx::query_scalar(
            "SELECT c.seq FROM index_generations g JOIN chunks c ON c.store_id = g.store_id \
             AND c.generation = g.generation JOIN store_files sf ON sf.store_id = c.store_id \
             AND sf.file_id = c.file_id WHERE g.store_id = $1 AND g.state = 'active' \
             AND sf.status = 'completed' ORDER BY c.seq",
        )
        .bind(store)
        .fetch_all(&self.read)
        .await
        .or_internal("listing a store's points")
    }

    /// The points that an index must have: of files that are whole in its generation.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn points_of_index(&self, index: &str) -> Result<Vec<i64>> {
        sqlx::query_scalar(
            "SELECT c.seq FROM index_generations g JOIN chunks c ON c.store_id = g.store_id \
             AND c.generation = g.generation JOIN store_files sf ON sf.store_id = c.store_id \
             AND sf.file_id = c.file_id LEFT JOIN generation_files b ON b.tenant_id = g.tenant_id \
             AND b.store_id = g.store_id AND b.generation = g.generation AND b.file_id = c.file_id \
             AND b.revision = c.revision WHERE g.index_name = $1 \
             AND ((g.state = 'active' AND sf.status = 'completed') \
             OR (g.state = 'building' AND b.file_id IS NOT NULL)) ORDER BY c.seq",
        )
        .bind(index)
        .fetch_all(&self.read)
        .await
        .or_internal("listing the points of an index")
    }

    /// The points that an index may have: those that it must, those of files that are being
    /// read or built, and those that are listed to go.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn points_held_by(&self, index: &str) -> Result<Vec<i64>> {
        sqlx::query_scalar(
            "SELECT c.seq FROM index_generations g JOIN chunks c ON c.store_id = g.store_id \
             AND c.generation = g.generation JOIN store_files sf ON sf.store_id = c.store_id \
             AND sf.file_id = c.file_id WHERE g.index_name = $1 \
             AND sf.status IN ('in_progress', 'completed') \
             UNION SELECT seq FROM index_removals WHERE store_id = $1",
        )
        .bind(index)
        .fetch_all(&self.read)
        .await
        .or_internal("listing the points of an index")
    }

    /// What is needed to rebuild points of an index: id, file, attributes, what stands
    /// [`above`](super::chunks::above) it, text, vector.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn points_to_rebuild(
        &self,
        index: &str,
        after: i64,
        limit: i64,
    ) -> Result<Vec<(i64, String, String, String, String, Vec<u8>)>> {
        sqlx::query_as(concat!(
            "SELECT c.seq, c.file_id, sf.attributes, ",
            stands_above!(),
            " AS above, c.text, c.vector \
             FROM index_generations g JOIN chunks c ON c.store_id = g.store_id \
             AND c.generation = g.generation JOIN store_files sf ON sf.store_id = c.store_id \
             AND sf.file_id = c.file_id WHERE g.index_name = $1 AND c.seq > $2 \
             AND sf.status = 'completed' ORDER BY c.seq LIMIT $3"
        ))
        .bind(index)
        .bind(after)
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("reading points to rebuild")
    }

    /// The texts of an index's points, up to `limit`: id, label, context, text; those of files that
    /// are being read as well.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn texts_of_index(
        &self,
        index: &str,
        limit: i64,
    ) -> Result<Vec<(i64, String, String, String)>> {
        sqlx::query_as(
            "SELECT c.seq, c.label, c.context, c.text FROM index_generations g JOIN chunks c \
             ON c.store_id = g.store_id AND c.generation = g.generation WHERE g.index_name = $1 \
             ORDER BY c.seq LIMIT $2",
        )
        .bind(index)
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("reading the texts of an index")
    }

    /// The beginnings, of `characters`, of up to `limit` texts from all over an index.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn sample_texts(
        &self,
        index: &str,
        limit: i64,
        characters: i64,
    ) -> Result<Vec<String>> {
        // Numbers that follow each other are spread; the same are taken each time.
        sqlx::query_scalar(
            "SELECT substr(text, 1, $3) FROM chunks WHERE seq IN (SELECT c.seq \
             FROM index_generations g JOIN chunks c ON c.store_id = g.store_id \
             AND c.generation = g.generation WHERE g.index_name = $1 \
             ORDER BY (c.seq * 2654435761) % 4294967296, c.seq LIMIT $2) ORDER BY seq",
        )
        .bind(index)
        .bind(limit)
        .bind(characters)
        .fetch_all(&self.read)
        .await
        .or_internal("sampling the texts of an index")
    }

    /// Stores whose rows are gone and whose index must still go.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn pending_index_drops(&self) -> Result<Vec<String>> {
        sqlx::query_scalar("SELECT store_id FROM index_drops ORDER BY store_id")
            .fetch_all(&self.read)
            .await
            .or_internal("reading pending removals of indexes")
    }

    /// Stores whose index still has removed points in its files, each with how often that
    /// was noted.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn pending_index_rewrites(&self) -> Result<Vec<(String, i64)>> {
        sqlx::query_as("SELECT store_id, marks FROM index_rewrites ORDER BY store_id")
            .fetch_all(&self.read)
            .await
            .or_internal("reading which indexes to write anew")
    }

    /// Notes that a store's index is gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn index_dropped(&self, store: &str) -> Result<()> {
        self.unlist("DELETE FROM index_drops WHERE store_id = $1", store).await
    }

    /// Notes that a store's index was written anew, unless more was removed since the
    /// list was read with `marks`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn index_rewritten(&self, store: &str, marks: i64) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM index_rewrites WHERE store_id = $1 AND marks = $2")
            .bind(store)
            .bind(marks)
            .execute(&mut *tx)
            .await
            .or_internal("noting that an index was written anew")?;
        commit(tx).await
    }

    /// Notes that the folders of a tenant are gone.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn tenant_removed(&self, tenant: &str) -> Result<()> {
        self.unlist("DELETE FROM tenant_removals WHERE tenant_id = $1", tenant).await
    }

    async fn unlist(&self, statement: &'static str, id: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(statement).bind(id).execute(&mut *tx).await.or_internal("noting a removal")?;
        commit(tx).await
    }

    /// Which of the given blobs no record owns: neither a file, nor a part of an upload,
    /// nor a version of a model.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn orphans_among(&self, paths: Vec<String>) -> Result<Vec<String>> {
        let owned: Vec<String> = sqlx::query_scalar(
            "SELECT 'tenants/' || tenant_id || '/files/' || id FROM files \
             UNION ALL SELECT 'tenants/' || tenant_id || '/uploads/' || upload_id || '/' || id \
             FROM upload_parts \
             UNION ALL SELECT 'tenants/' || tenant_id || '/models/' || sha256 FROM model_versions \
             WHERE sha256 <> '' UNION ALL SELECT path FROM blob_removals",
        )
        .fetch_all(&self.read)
        .await
        .or_internal("listing the owners of blobs")?;
        let owned: HashSet<String> = owned.into_iter().collect();
        Ok(paths.into_iter().filter(|path| !owned.contains(path)).collect())
    }

    /// The blobs of files, of every tenant: which must be there.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn blobs_of_files(&self) -> Result<Vec<BlobPath>> {
        let paths: Vec<String> =
            sqlx::query_scalar("SELECT 'tenants/' || tenant_id || '/files/' || id FROM files")
                .fetch_all(&self.read)
                .await
                .or_internal("listing files")?;
        Ok(paths.iter().map(|path| BlobPath::from_record(path)).collect())
    }

    /// Completed attachments with a chunk whose vector is not as long as the embedding model of
    /// the active generation makes them, for the program's own model `bytes`: tenant, store,
    /// file.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn attachments_without_vectors(
        &self,
        bytes: i64,
    ) -> Result<Vec<(String, String, String)>> {
        sqlx::query_as(
            "SELECT DISTINCT c.tenant_id, c.store_id, c.file_id FROM chunks c \
             JOIN store_files sf ON sf.store_id = c.store_id AND sf.file_id = c.file_id \
             JOIN index_generations g ON g.tenant_id = c.tenant_id AND g.store_id = c.store_id \
             AND g.generation = c.generation WHERE g.state = 'active' AND sf.status = 'completed' \
             AND length(c.vector) <> COALESCE(g.dimensions * 4, $1) ORDER BY c.store_id, c.file_id",
        )
        .bind(bytes)
        .fetch_all(&self.read)
        .await
        .or_internal("looking for chunks without a vector")
    }

    /// Moves the write-ahead log into the database file and empties it.
    ///
    /// # Errors
    /// `Unavailable` when somebody reads for so long that the log cannot be emptied now.
    pub async fn checkpoint(&self) -> Result<()> {
        for _ in 0..CHECKPOINT_TRIES {
            let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
                .fetch_one(&self.write)
                .await
                .or_internal("checkpointing the records")?;
            if busy == 0 {
                return Ok(());
            }
            tokio::time::sleep(CHECKPOINT_WAIT).await;
        }
        Err(Error::unavailable(
            "the log of the record store could not be emptied while it is read; try again",
        ))
    }
}
