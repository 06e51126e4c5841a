//! Vector stores and the files attached to them.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope, Timestamp};

use super::access::{manager, readable};
use super::files::list_point_removals;
use super::texts::drop_unused_texts;
use super::{Page, Records, Tx, commit, paged};

/// A vector store.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoreRow {
    /// `vs_…`
    pub id: String,
    /// May be empty, need not be unique.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// The client's metadata, a JSON object.
    pub metadata: String,
    /// Which model made the vectors.
    pub embedding_model: String,
    /// Days without use after which the store expires.
    pub expires_after_days: Option<i64>,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last searched or written.
    pub last_active_at: Timestamp,
}

/// A file in a vector store.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct StoreFileRow {
    /// The store.
    pub store_id: String,
    /// The file (named `id` so that lists page on it).
    pub id: String,
    /// Name of the file.
    pub filename: String,
    /// The batch it came with.
    pub batch_id: Option<String>,
    /// `in_progress`, `completed`, `failed` or `cancelled`.
    pub status: String,
    /// OpenAI's error code when failed.
    pub error_code: Option<String>,
    /// What went wrong and what to do.
    pub error_message: Option<String>,
    /// The client's attributes, a JSON object.
    pub attributes: String,
    /// Most tokens of a chunk.
    pub chunk_tokens: i64,
    /// Tokens a chunk shares with the one before.
    pub overlap_tokens: i64,
    /// How it is cut where the tokens do not say it: a JSON object.
    pub chunking: Option<String>,
    /// Bytes of its chunks and vectors.
    pub usage_bytes: i64,
    /// Grows with every attachment of the same file to the same store, also where it was
    /// taken out in between.
    pub revision: i64,
    /// When it was attached.
    pub created_at: Timestamp,
    /// What was guessed or left out when it was read, a JSON list.
    pub notes: String,
    /// What its reading waits for, in words; `None` but while it is put off.
    pub waiting: Option<String>,
    /// When it is tried again then, at the earliest.
    pub retry_at: Option<Timestamp>,
}

/// What a client asks for when it attaches a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// The file.
    pub file: Id,
    /// The batch, if it came with one.
    pub batch: Option<Id>,
    /// A JSON object of attributes.
    pub attributes: String,
    /// Most tokens of a chunk.
    pub chunk_tokens: i64,
    /// Tokens a chunk shares with the one before.
    pub overlap_tokens: i64,
    /// How it is cut where the tokens do not say it: a JSON object.
    pub chunking: Option<String>,
}

/// How many files of a store (or batch) are in which state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileCounts {
    /// Waiting or being read.
    pub in_progress: i64,
    /// Searchable.
    pub completed: i64,
    /// Not readable; the file says why.
    pub failed: i64,
    /// Stopped by the client.
    pub cancelled: i64,
    /// Bytes of all chunks and vectors.
    pub usage_bytes: i64,
}

impl FileCounts {
    /// All of them.
    pub fn total(&self) -> i64 {
        self.in_progress + self.completed + self.failed + self.cancelled
    }

    pub(super) fn add(&mut self, status: &str, files: i64) {
        match status {
            "in_progress" => self.in_progress += files,
            "completed" => self.completed += files,
            "failed" => self.failed += files,
            _ => self.cancelled += files,
        }
    }
}

impl StoreRow {
    /// When it expires by itself, if it does.
    pub fn expires_at(&self) -> Option<Timestamp> {
        let days = self.expires_after_days?;
        Some(self.last_active_at.saturating_add(days.saturating_mul(DAY)))
    }
}

/// Milliseconds.
const DAY: i64 = 86_400_000;

const STORE_FILE: &str = concat!(
    "SELECT sf.store_id, sf.file_id AS id, f.filename, sf.batch_id, sf.status, sf.error_code, \
     sf.error_message, sf.attributes, sf.chunk_tokens, sf.overlap_tokens, sf.chunking, \
     sf.usage_bytes, sf.revision, sf.created_at, f.notes, sf.waiting, sf.retry_at \
     FROM store_files sf JOIN files f ON f.id = sf.file_id \
     WHERE sf.tenant_id = $1 AND sf.store_id = $2 AND sf.file_id = $3 \
     AND (f.expires_at IS NULL OR f.expires_at > $5) AND ",
    readable!("f", "$4")
);

impl Records {
    /// One store of the caller's tenant.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn store(&self, scope: &Scope, id: &Id) -> Result<StoreRow> {
        sqlx::query_as(
            "SELECT id, name, description, metadata, embedding_model, expires_after_days, created_at, \
             last_active_at FROM vector_stores WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a vector store")?
        .ok_or_else(|| Error::not_found(format!("vector store '{id}'")))
    }

    /// The tenant's stores.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_stores(&self, scope: &Scope, page: &Page) -> Result<Vec<StoreRow>> {
        let rows = paged!(
            page,
            StoreRow,
            "SELECT id, name, description, metadata, embedding_model, expires_after_days, created_at, \
             last_active_at FROM vector_stores WHERE tenant_id = $1"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .fetch_all(&self.read)
        .await
        .or_internal("listing vector stores")?;
        Ok(page.arrange(rows))
    }

    /// Notes that a store is in use, which puts its expiry off.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn touch_store(&self, scope: &Scope, id: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE vector_stores SET last_active_at = $3 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("noting that a vector store is in use")?;
        commit(tx).await
    }

    /// Files of stores whose time is over, of every tenant: tenant, store, file; for upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn files_of_expired_stores(
        &self,
        limit: i64,
    ) -> Result<Vec<(String, String, String)>> {
        sqlx::query_as(
            "SELECT sf.tenant_id, sf.store_id, sf.file_id FROM store_files sf \
             JOIN vector_stores v ON v.id = sf.store_id WHERE v.expires_after_days IS NOT NULL \
             AND v.last_active_at + v.expires_after_days * $2 <= $1 LIMIT $3",
        )
        .bind(self.clock.now())
        .bind(DAY)
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("looking up expired stores")
    }

    /// Changes name, metadata and expiry.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn update_store(&self, scope: &Scope, row: &StoreRow) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE vector_stores SET name = $3, metadata = $4, expires_after_days = $5, \
             last_active_at = $6 WHERE tenant_id = $1 AND id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(&row.id)
        .bind(&row.name)
        .bind(&row.metadata)
        .bind(row.expires_after_days)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("changing a vector store")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("vector store '{}'", row.id)));
        }
        commit(tx).await
    }

    /// Deletes a store with all that is attached, within a transaction; the files
    /// themselves remain. Its indexes follow through a removal list. Returns what there
    /// was, by name.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn delete_store(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        id: &Id,
    ) -> Result<Vec<(&'static str, u64)>> {
        let mut indexes = 0;
        for statement in [
            "DELETE FROM index_removals WHERE store_id IN \
             (SELECT index_name FROM index_generations WHERE tenant_id = $1 AND store_id = $2)",
            "DELETE FROM index_rewrites WHERE store_id IN \
             (SELECT index_name FROM index_generations WHERE tenant_id = $1 AND store_id = $2)",
            "INSERT INTO index_drops (store_id) SELECT index_name FROM index_generations \
             WHERE tenant_id = $1 AND store_id = $2 AND swept = 0 ON CONFLICT (store_id) DO NOTHING",
        ] {
            indexes = sqlx::query(statement)
                .bind(scope.tenant().as_str())
                .bind(id.as_str())
                .execute(&mut **tx)
                .await
                .or_internal("listing indexes for removal")?
                .rows_affected();
        }
        // What only this store's chunks are cut from goes with them.
        let files: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT c.file_id FROM chunks c JOIN files f ON f.id = c.file_id \
             WHERE c.tenant_id = $1 AND c.store_id = $2 AND c.text_version <> f.text_version",
        )
        .bind(scope.tenant().as_str())
        .bind(id.as_str())
        .fetch_all(&mut **tx)
        .await
        .or_internal("looking for older texts")?;
        let mut gone = Vec::new();
        for (what, statement) in [
            ("chunks with vectors", "DELETE FROM chunks WHERE tenant_id = $1 AND store_id = $2"),
            ("large chunks", "DELETE FROM chunk_parents WHERE tenant_id = $1 AND store_id = $2"),
            ("attachments", "DELETE FROM store_files WHERE tenant_id = $1 AND store_id = $2"),
            ("file batches", "DELETE FROM file_batches WHERE tenant_id = $1 AND store_id = $2"),
            ("rankings", "DELETE FROM store_rankings WHERE tenant_id = $1 AND store_id = $2"),
            ("thresholds", "DELETE FROM store_thresholds WHERE tenant_id = $1 AND store_id = $2"),
            ("evaluations", "DELETE FROM evaluations WHERE tenant_id = $1 AND store_id = $2"),
            (
                "evaluation schedules",
                "DELETE FROM evaluation_schedules WHERE tenant_id = $1 AND store_id = $2",
            ),
            ("question sets", "DELETE FROM question_sets WHERE tenant_id = $1 AND store_id = $2"),
            ("store records", "DELETE FROM vector_stores WHERE tenant_id = $1 AND id = $2"),
        ] {
            let done = sqlx::query(statement)
                .bind(scope.tenant().as_str())
                .bind(id.as_str())
                .execute(&mut **tx)
                .await
                .or_internal("deleting a vector store")?;
            gone.push((what, done.rows_affected()));
        }
        if gone.last().is_none_or(|(_, stores)| *stores == 0) {
            return Err(Error::not_found(format!("vector store '{id}'")));
        }
        for file in &files {
            drop_unused_texts(tx, file).await?;
        }
        gone.push(("indexes", indexes));
        Ok(gone)
    }

    /// Attaches a file, within the caller's transaction, so that the job that reads
    /// it is enqueued with it or not at all. `None` when it is there already, read or to be read,
    /// and cut in the same way; its attributes then stay. Its batch, if it comes with one, counts
    /// it either way; a cancel of the batch does not reach a file that was completed before.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such file or store.
    pub async fn attach_file(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        wanted: &Attachment,
    ) -> Result<Option<i64>> {
        let known: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM files f JOIN vector_stores v ON v.tenant_id = f.tenant_id \
             WHERE f.tenant_id = $1 AND f.id = $2 AND v.id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(wanted.file.as_str())
        .bind(store.as_str())
        .fetch_one(&mut **tx)
        .await
        .or_internal("looking up a file to attach")?;
        if known == 0 {
            return Err(Error::not_found(format!(
                "file '{}' or vector store '{store}'",
                wanted.file
            )));
        }
        let revision = match self.attachment(tx, scope, store, &wanted.file).await? {
            Some(held) if held.is_as(wanted) => {
                self.join_batch(tx, scope, store, wanted).await?;
                return Ok(None);
            }
            Some(held) => self.clock.now().max(held.revision + 1),
            // The clock also tells it from one that was taken out, whose job may still run.
            None => self.clock.now(),
        };
        sqlx::query(
            "INSERT INTO store_files (store_id, file_id, tenant_id, batch_id, status, attributes, \
             chunk_tokens, overlap_tokens, revision, created_at, chunking) \
             VALUES ($1, $2, $3, $4, 'in_progress', $5, $6, $7, $8, $9, $10) \
             ON CONFLICT (store_id, file_id) DO UPDATE SET status = 'in_progress', error_code = NULL, \
             error_message = NULL, batch_id = CASE WHEN store_files.status = 'completed' THEN NULL \
             ELSE excluded.batch_id END, attributes = excluded.attributes, \
             chunk_tokens = excluded.chunk_tokens, overlap_tokens = excluded.overlap_tokens, \
             revision = excluded.revision, chunking = excluded.chunking, waiting = NULL, \
             retry_at = NULL",
        )
        .bind(store.as_str())
        .bind(wanted.file.as_str())
        .bind(scope.tenant().as_str())
        .bind(wanted.batch.as_ref().map(Id::as_str))
        .bind(&wanted.attributes)
        .bind(wanted.chunk_tokens)
        .bind(wanted.overlap_tokens)
        .bind(revision)
        .bind(self.clock.now())
        .bind(&wanted.chunking)
        .execute(&mut **tx)
        .await
        .or_internal("attaching a file")?;
        self.join_batch(tx, scope, store, wanted).await?;
        Ok(Some(revision))
    }

    /// Lets a completed attachment be read again, within a transaction; its new revision,
    /// or `None` when it is not there.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn reopen_file(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        file: &Id,
    ) -> Result<Option<i64>> {
        sqlx::query_scalar(
            "UPDATE store_files SET status = 'in_progress', batch_id = NULL, revision = revision + 1 \
             WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3 AND status = 'completed' \
             RETURNING revision",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .fetch_optional(&mut **tx)
        .await
        .or_internal("reopening an attached file")
    }

    /// One attached file.
    ///
    /// # Errors
    /// `NotFound` when it is not attached to that store of the tenant.
    pub async fn store_file(&self, scope: &Scope, store: &Id, file: &Id) -> Result<StoreFileRow> {
        sqlx::query_as(STORE_FILE)
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .bind(file.as_str())
            .bind(manager(scope))
            .bind(self.clock.now())
            .fetch_optional(&self.read)
            .await
            .or_internal("reading an attached file")?
            .ok_or_else(|| Error::not_found(format!("file '{file}' in vector store '{store}'")))
    }

    /// The files of a store, of one status and one batch if given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_store_files(
        &self,
        scope: &Scope,
        store: &Id,
        batch: Option<&Id>,
        status: Option<&str>,
        page: &Page,
    ) -> Result<Vec<StoreFileRow>> {
        let rows = paged!(
            page,
            StoreFileRow,
            "SELECT * FROM (SELECT sf.store_id, sf.file_id AS id, f.filename, sf.batch_id, sf.status, \
             sf.error_code, sf.error_message, sf.attributes, sf.chunk_tokens, sf.overlap_tokens, \
             sf.chunking, sf.usage_bytes, sf.revision, sf.created_at, f.notes, sf.waiting, \
             sf.retry_at FROM store_files sf \
             JOIN files f ON f.id = sf.file_id WHERE sf.tenant_id = $1 AND sf.store_id = $4 \
             AND ($5 = '' OR sf.status = $5) AND ($6 = '' OR EXISTS (SELECT 1 \
             FROM file_batch_files b WHERE b.batch_id = $6 AND b.store_id = $4 AND b.file_id = sf.file_id)) \
             AND (f.expires_at IS NULL OR f.expires_at > $8) AND ",
            readable!("f", "$7"),
            ") AS listed WHERE 1 = 1"
        )
        .bind(scope.tenant().as_str())
        .bind(page.cursor())
        .bind(page.limit)
        .bind(store.as_str())
        .bind(status.unwrap_or(""))
        .bind(batch.map_or("", Id::as_str))
        .bind(manager(scope))
        .bind(self.clock.now())
        .fetch_all(&self.read)
        .await
        .or_internal("listing attached files")?;
        Ok(page.arrange(rows))
    }

    /// How many files of the store that the caller may read are in which state.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn file_counts(&self, scope: &Scope, store: &Id) -> Result<FileCounts> {
        let who = manager(scope);
        // Who manages all files need not be compared with each of them.
        let statement = match who.as_str() {
            "*" => {
                "SELECT status, COUNT(*), COALESCE(SUM(usage_bytes), 0) FROM store_files \
                 WHERE tenant_id = $1 AND store_id = $2 AND $3 = '*' GROUP BY status"
            }
            _ => concat!(
                "SELECT sf.status, COUNT(*), COALESCE(SUM(sf.usage_bytes), 0) FROM store_files sf \
                 JOIN files f ON f.id = sf.file_id WHERE sf.tenant_id = $1 AND sf.store_id = $2 AND ",
                readable!("f", "$3"),
                " GROUP BY sf.status"
            ),
        };
        let rows: Vec<(String, i64, i64)> = sqlx::query_as(statement)
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .bind(who)
            .fetch_all(&self.read)
            .await
            .or_internal("counting attached files")?;
        let mut counts = FileCounts::default();
        for (status, files, bytes) in rows {
            counts.usage_bytes += bytes;
            counts.add(&status, files);
        }
        Ok(counts)
    }

    /// Takes a file out of a store; the file itself remains.
    ///
    /// # Errors
    /// `NotFound` when it is not attached to that store of the tenant.
    pub async fn detach_file(&self, scope: &Scope, store: &Id, file: &Id) -> Result<()> {
        let mut tx = self.begin().await?;
        list_point_removals(&mut tx, scope, (Some(store), file), None).await?;
        let done = sqlx::query(
            "DELETE FROM store_files WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .execute(&mut *tx)
        .await
        .or_internal("detaching a file")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("file '{file}' in vector store '{store}'")));
        }
        drop_unused_texts(&mut tx, file.as_str()).await?;
        commit(tx).await
    }

    /// Sets the outcome of reading an attached file, if it is still the same attachment
    /// and still in progress. Says whether it was.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn settle_file(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        of: (&Id, &Id, i64),
        outcome: Result<i64, (&str, &str)>,
    ) -> Result<bool> {
        let (store, file, revision) = of;
        let (status, bytes, code, message) = match outcome {
            Ok(bytes) => ("completed", bytes, None, None),
            Err((code, message)) => ("failed", 0, Some(code), Some(message)),
        };
        let done = sqlx::query(
            "UPDATE store_files SET status = $5, usage_bytes = $6, error_code = $7, \
             error_message = $8, waiting = NULL, retry_at = NULL \
             WHERE tenant_id = $1 AND store_id = $2 AND file_id = $3 AND revision = $4 \
             AND status = 'in_progress'",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .bind(revision)
        .bind(status)
        .bind(bytes)
        .bind(code)
        .bind(message)
        .execute(&mut **tx)
        .await
        .or_internal("settling an attached file")?;
        Ok(done.rows_affected() > 0)
    }

    /// Finds a store by name; the command line uses names.
    ///
    /// # Errors
    /// `Conflict` when several stores share the name.
    pub async fn store_by_name(&self, scope: &Scope, name: &str) -> Result<Option<StoreRow>> {
        let mut rows: Vec<StoreRow> = sqlx::query_as(
            "SELECT id, name, description, metadata, embedding_model, expires_after_days, created_at, \
             last_active_at FROM vector_stores WHERE tenant_id = $1 AND name = $2 LIMIT 2",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .fetch_all(&self.read)
        .await
        .or_internal("looking up a vector store")?;
        if rows.len() > 1 {
            return Err(Error::new(
                Kind::Conflict,
                format!("several vector stores are called '{name}'; use the id instead"),
            ));
        }
        Ok(rows.pop())
    }
}
