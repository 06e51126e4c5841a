//! Uploaded files.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::access::{manager, readable};
use super::{Page, Records, Tx, commit, paged};
use crate::BlobPath;

/// An uploaded file; its bytes are a blob.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct FileRow {
    /// `file-…`
    pub id: String,
    /// As the client called it.
    pub filename: String,
    /// OpenAI's purpose, `assistants` and so on.
    pub purpose: String,
    /// Size of the bytes.
    pub bytes: i64,
    /// SHA-256 of the bytes, hex.
    pub sha256: String,
    /// When it was uploaded.
    pub created_at: Timestamp,
    /// When it ends by itself.
    pub expires_at: Option<Timestamp>,
    /// 1 when it has an access list.
    pub restricted: i64,
}

impl Records {
    /// Records an upload whose blob is already written.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_file(&self, scope: &Scope, file: &FileRow) -> Result<()> {
        let mut tx = self.begin().await?;
        self.insert_file_within(&mut tx, scope, file).await?;
        commit(tx).await
    }

    /// As [`Records::insert_file`], within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_file_within(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        file: &FileRow,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO files (id, tenant_id, filename, purpose, bytes, sha256, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(&file.id)
        .bind(scope.tenant().as_str())
        .bind(&file.filename)
        .bind(&file.purpose)
        .bind(file.bytes)
        .bind(&file.sha256)
        .bind(file.created_at)
        .bind(file.expires_at)
        .execute(&mut **tx)
        .await
        .or_internal("recording a file")?;
        Ok(())
    }

    /// One file of the caller's tenant that the caller may read.
    ///
    /// # Errors
    /// `NotFound` when there is no such file for this caller.
    pub async fn file(&self, scope: &Scope, id: &Id) -> Result<FileRow> {
        sqlx::query_as(concat!(
            "SELECT f.id, f.filename, f.purpose, f.bytes, f.sha256, f.created_at, f.expires_at, \
             f.restricted FROM files f WHERE f.tenant_id = $1 AND f.id = $2 \
             AND (f.expires_at IS NULL OR f.expires_at > $4) AND ",
            readable!("f", "$3")
        ))
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(manager(scope))
        .bind(self.clock.now())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a file's record")?
        .ok_or_else(|| Error::not_found(format!("file '{id}'")))
    }

    /// The tenant's files that the caller may read, of one purpose if given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_files(
        &self,
        scope: &Scope,
        purpose: Option<&str>,
        page: &Page,
    ) -> Result<Vec<FileRow>> {
        let rows = paged!(
            page,
            FileRow,
            "SELECT f.id, f.filename, f.purpose, f.bytes, f.sha256, f.created_at, f.expires_at, \
             f.restricted FROM files f WHERE f.tenant_id = $1 AND ($4 = '' OR f.purpose = $4) \
             AND (f.expires_at IS NULL OR f.expires_at > $6) AND ",
            readable!("f", "$5")
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(purpose.unwrap_or(""))
        .bind(manager(scope))
        .bind(self.clock.now())
        .fetch_all(&self.read)
        .await
        .or_internal("listing files")?;
        Ok(page.arrange(rows))
    }

    /// Those of the given ids that are files of the tenant.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn files_among(&self, scope: &Scope, ids: &[String]) -> Result<Vec<String>> {
        let mut found = Vec::new();
        for id in ids {
            let there: Option<String> =
                sqlx::query_scalar("SELECT id FROM files WHERE tenant_id = $1 AND id = $2")
                    .bind(scope.tenant().as_str())
                    .bind(id)
                    .fetch_optional(&self.read)
                    .await
                    .or_internal("looking up a file")?;
            found.extend(there);
        }
        Ok(found)
    }

    /// Files whose time is over, of every tenant, for upkeep: tenant, file, and of one that was
    /// ended by [`Records::expire_file`] who had that done.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn expired_files(&self, limit: i64) -> Result<Vec<(String, String, Option<String>)>> {
        sqlx::query_as(
            "SELECT tenant_id, id, deleted_by FROM files WHERE expires_at IS NOT NULL \
             AND expires_at <= $1 ORDER BY expires_at LIMIT $2",
        )
        .bind(self.clock.now())
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("looking up expired files")
    }

    /// Hash and size of a file that is about to be deleted, expired or not.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such file.
    pub async fn file_facts(&self, tx: &mut Tx, scope: &Scope, id: &Id) -> Result<(String, i64)> {
        sqlx::query_as("SELECT sha256, bytes FROM files WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(id.as_str())
            .fetch_optional(&mut **tx)
            .await
            .or_internal("reading a file's record")?
            .ok_or_else(|| Error::not_found(format!("file '{id}'")))
    }

    /// Has the time of a file be over, within a transaction: nobody sees it from then on, and the
    /// upkeep deletes it on behalf of the caller, if nobody does so before.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn expire_file(&self, tx: &mut Tx, scope: &Scope, id: &str) -> Result<()> {
        sqlx::query(
            "UPDATE files SET expires_at = $3, deleted_by = $4 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id)
        .bind(self.clock.now())
        .bind(scope.principal().as_str())
        .execute(&mut **tx)
        .await
        .or_internal("ending a file")?;
        Ok(())
    }

    /// Deletes a file everywhere within a transaction: its record, text and chunks in
    /// every store. Index entries and the blob follow through the removal lists. What was
    /// answered from it is the caller's to scrub in the same transaction. Returns what
    /// there was, by name.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such file.
    pub async fn delete_file(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &Id,
    ) -> Result<Vec<(&'static str, u64)>> {
        list_point_removals(tx, scope, (None, id), None).await?;
        let mut gone = Vec::new();
        for (what, statement) in [
            ("chunks with vectors", "DELETE FROM chunks WHERE tenant_id = $1 AND file_id = $2"),
            ("attachments", "DELETE FROM store_files WHERE tenant_id = $1 AND file_id = $2"),
            ("document texts", "DELETE FROM document_texts WHERE tenant_id = $1 AND file_id = $2"),
            ("older texts", "DELETE FROM file_texts WHERE tenant_id = $1 AND file_id = $2"),
            ("readings", "DELETE FROM file_readings WHERE tenant_id = $1 AND file_id = $2"),
            ("access entries", "DELETE FROM file_access WHERE tenant_id = $1 AND file_id = $2"),
            ("uploads", "DELETE FROM uploads WHERE tenant_id = $1 AND file_id = $2"),
            (
                "words of judgements",
                "DELETE FROM judged_words WHERE tenant_id = $1 AND file_id = $2",
            ),
            (
                "generated questions",
                "DELETE FROM questions WHERE tenant_id = $1 AND source_file_id = $2",
            ),
            (
                "answers of evaluations",
                "UPDATE evaluation_results SET answer = NULL WHERE tenant_id = $1 AND id IN \
                 (SELECT result_id FROM evaluation_sources WHERE file_id = $2)",
            ),
            ("file records", "DELETE FROM files WHERE tenant_id = $1 AND id = $2"),
        ] {
            let done = sqlx::query(statement)
                .bind(scope.tenant().as_str())
                .bind(id.as_str())
                .execute(&mut **tx)
                .await
                .or_internal("deleting a file's rows")?;
            gone.push((what, done.rows_affected()));
        }
        if gone.last().is_none_or(|(_, files)| *files == 0) {
            return Err(Error::not_found(format!("file '{id}'")));
        }
        list_blob_removal(tx, &BlobPath::file(scope, id)).await?;
        gone.push(("blobs", 1));
        Ok(gone)
    }

    /// What turns have read of a file, in their order.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn file_readings(&self, scope: &Scope, id: &Id) -> Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT readings FROM file_readings WHERE tenant_id = $1 AND file_id = $2 ORDER BY turn",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("reading a file's readings")
    }

    /// Keeps what the turn of this number, from 0, read of a file, within a transaction, unless
    /// the turns before are not those that are kept: two stores may have the file read at the
    /// same time.
    ///
    /// # Errors
    /// `Internal` when the database refuses (also when the file was deleted meanwhile).
    pub async fn put_reading(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (id, turn): (&Id, i64),
        readings: &str,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO file_readings (file_id, tenant_id, turn, readings) SELECT $1, $2, $3, $4 \
             WHERE (SELECT COUNT(*) FROM file_readings WHERE file_id = $1) = $3",
        )
        .bind(id.as_str())
        .bind(scope.tenant().as_str())
        .bind(turn)
        .bind(readings)
        .execute(&mut **tx)
        .await
        .or_internal("keeping a turn's readings")?;
        Ok(())
    }

    /// Forgets what turns have read of a file, within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn drop_readings(&self, tx: &mut Tx, scope: &Scope, id: &Id) -> Result<()> {
        sqlx::query("DELETE FROM file_readings WHERE tenant_id = $1 AND file_id = $2")
            .bind(scope.tenant().as_str())
            .bind(id.as_str())
            .execute(&mut **tx)
            .await
            .or_internal("forgetting a file's readings")?;
        Ok(())
    }
}

/// Puts the points of a file (in one store or in all, in one generation or in all) on the
/// removal list, and their indexes on the list of those to be written anew.
pub(super) async fn list_point_removals(
    tx: &mut Tx,
    scope: &Scope,
    (store, file): (Option<&Id>, &Id),
    generation: Option<i64>,
) -> Result<()> {
    for statement in [
        "INSERT INTO index_removals (seq, store_id) SELECT c.seq, g.index_name FROM chunks c \
         JOIN index_generations g ON g.tenant_id = c.tenant_id AND g.store_id = c.store_id \
         AND g.generation = c.generation WHERE c.tenant_id = $1 AND c.file_id = $2 \
         AND ($3 = '' OR c.store_id = $3) AND ($4 = 0 OR c.generation = $4) \
         ON CONFLICT (seq) DO NOTHING",
        "INSERT INTO index_rewrites (store_id) SELECT DISTINCT g.index_name FROM chunks c \
         JOIN index_generations g ON g.tenant_id = c.tenant_id AND g.store_id = c.store_id \
         AND g.generation = c.generation WHERE c.tenant_id = $1 AND c.file_id = $2 \
         AND ($3 = '' OR c.store_id = $3) AND ($4 = 0 OR c.generation = $4) \
         ON CONFLICT (store_id) DO UPDATE SET marks = index_rewrites.marks + 1",
    ] {
        sqlx::query(statement)
            .bind(scope.tenant().as_str())
            .bind(file.as_str())
            .bind(store.map_or("", Id::as_str))
            .bind(generation.unwrap_or(0))
            .execute(&mut **tx)
            .await
            .or_internal("listing index entries for removal")?;
    }
    Ok(())
}

/// Puts a blob on the removal list.
pub(super) async fn list_blob_removal(tx: &mut Tx, path: &BlobPath) -> Result<()> {
    sqlx::query("INSERT INTO blob_removals (path) VALUES ($1) ON CONFLICT (path) DO NOTHING")
        .bind(path.as_str())
        .execute(&mut **tx)
        .await
        .or_internal("listing a blob for removal")?;
    Ok(())
}
