//! Building a generation, making it the active one, ending it.

use cairn_kernel::{Id, Result, ResultExt, Scope, Timestamp};

use super::{BuildProgress, Flip, Recut, Reread, RereadCounts};
use crate::records::texts::{drop_unused_texts, notes};
use crate::records::{Records, StoreFileRow, Tx, commit};

/// Completed files of a store beside what is built of them.
macro_rules! completed {
    ($columns:literal, $rest:literal) => {
        concat!(
            "SELECT ",
            $columns,
            " FROM store_files sf JOIN files f ON f.id = sf.file_id \
             LEFT JOIN generation_files b ON b.tenant_id = sf.tenant_id AND b.store_id = sf.store_id \
             AND b.generation = $3 AND b.file_id = sf.file_id AND b.revision = sf.revision \
             WHERE sf.tenant_id = $1 AND sf.store_id = $2 AND sf.status = 'completed' \
             AND (f.expires_at IS NULL OR f.expires_at > $4)",
            $rest
        )
    };
}

impl Records {
    /// Completed files that are not whole in the generation yet, up to `limit`.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn files_to_build(
        &self,
        scope: &Scope,
        store: &Id,
        generation: i64,
        limit: i64,
    ) -> Result<Vec<StoreFileRow>> {
        sqlx::query_as(completed!(
            "sf.store_id, sf.file_id AS id, f.filename, sf.batch_id, sf.status, sf.error_code, \
             sf.error_message, sf.attributes, sf.chunk_tokens, sf.overlap_tokens, sf.chunking, \
             sf.usage_bytes, sf.revision, sf.created_at, f.notes, sf.waiting, sf.retry_at",
            " AND b.file_id IS NULL ORDER BY sf.file_id LIMIT $5"
        ))
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(generation)
        .bind(self.clock.now())
        .bind(limit)
        .fetch_all(&self.read)
        .await
        .or_internal("looking for files to build")
    }

    /// How far a build is.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn build_progress(
        &self,
        scope: &Scope,
        store: &Id,
        generation: i64,
    ) -> Result<BuildProgress> {
        sqlx::query_as(completed!(
            "COUNT(*) AS files, COUNT(b.file_id) AS files_done, \
             COALESCE(SUM(sf.usage_bytes), 0) AS bytes, \
             COALESCE(SUM(CASE WHEN b.file_id IS NULL THEN 0 ELSE sf.usage_bytes END), 0) AS bytes_done",
            ""
        ))
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(generation)
        .bind(self.clock.now())
        .fetch_one(&self.read)
        .await
        .or_internal("reading how far a build is")
    }

    /// Notes that a build is taken up now, with `bytes` of its files done.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn note_build_start(
        &self,
        scope: &Scope,
        store: &Id,
        generation: i64,
        bytes: i64,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "UPDATE index_generations SET started_at = $4, bytes_at_start = $5 \
             WHERE tenant_id = $1 AND store_id = $2 AND generation = $3 AND state = 'building'",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(generation)
        .bind(self.clock.now())
        .bind(bytes)
        .execute(&mut *tx)
        .await
        .or_internal("noting that a build began")?;
        commit(tx).await
    }

    /// Notes, within a transaction, what a build waits for and when it is tried again, or with
    /// `None` that it goes on.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn note_build_waiting(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, generation): (&Id, i64),
        wait: Option<(&str, Timestamp)>,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE index_generations SET waiting = $4, retry_at = $5 \
             WHERE tenant_id = $1 AND store_id = $2 AND generation = $3 AND state = 'building'",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(generation)
        .bind(wait.map(|(reason, _)| reason))
        .bind(wait.map(|(_, retry_at)| retry_at))
        .execute(&mut **tx)
        .await
        .or_internal("noting what a build waits for")?;
        Ok(())
    }

    /// Notes that a file is whole in a generation that is being built, rows and points, unless
    /// the generation has ended or the attachment was replaced meanwhile. `bytes` are those of
    /// its chunks and vectors.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn mark_built(
        &self,
        scope: &Scope,
        of: (&Id, &Id, i64),
        generation: i64,
        bytes: i64,
    ) -> Result<()> {
        self.mark_reread(scope, of, generation, bytes, None).await
    }

    /// As [`Records::mark_built`], of a file that the build read anew where that is given.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn mark_reread(
        &self,
        scope: &Scope,
        of: (&Id, &Id, i64),
        generation: i64,
        bytes: i64,
        reread: Option<Reread>,
    ) -> Result<()> {
        let (store, file, revision) = of;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO generation_files (tenant_id, store_id, generation, file_id, revision, \
             usage_bytes, text_version, unread) \
             SELECT sf.tenant_id, sf.store_id, g.generation, sf.file_id, sf.revision, $6, $7, $8 \
             FROM store_files sf JOIN index_generations g \
             ON g.tenant_id = sf.tenant_id AND g.store_id = sf.store_id \
             WHERE sf.tenant_id = $1 AND sf.store_id = $2 AND sf.file_id = $3 AND sf.revision = $4 \
             AND g.generation = $5 AND g.state = 'building' \
             ON CONFLICT (tenant_id, store_id, generation, file_id) DO UPDATE SET \
             revision = excluded.revision, usage_bytes = excluded.usage_bytes, \
             text_version = excluded.text_version, unread = excluded.unread",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .bind(revision)
        .bind(generation)
        .bind(bytes)
        .bind(reread.map(|reread| reread.text_version))
        .bind(i64::from(reread.is_some_and(|reread| reread.unread)))
        .execute(&mut *tx)
        .await
        .or_internal("noting that a file is built")?;
        commit(tx).await
    }

    /// What a build has read anew so far.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn reread_counts(
        &self,
        scope: &Scope,
        store: &Id,
        generation: i64,
    ) -> Result<RereadCounts> {
        sqlx::query_as(
            "SELECT COALESCE(SUM(b.text_version <> f.text_version), 0) AS changed, \
             COALESCE(SUM(b.unread), 0) AS unread \
             FROM generation_files b JOIN files f ON f.id = b.file_id \
             WHERE b.tenant_id = $1 AND b.store_id = $2 AND b.generation = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(generation)
        .fetch_one(&self.read)
        .await
        .or_internal("counting files that were read anew")
    }

    /// Makes a generation the active one, within a transaction, if every completed file is whole
    /// in it. The one before is retired, its index listed for removal.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn flip(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, generation): (&Id, i64),
        recut: Option<&Recut>,
        report: &str,
    ) -> Result<Flip> {
        let (tenant, now) = (scope.tenant().as_str(), self.clock.now());
        let building: Option<i64> = sqlx::query_scalar(
            "SELECT generation FROM index_generations \
             WHERE tenant_id = $1 AND store_id = $2 AND generation = $3 AND state = 'building'",
        )
        .bind(tenant)
        .bind(store.as_str())
        .bind(generation)
        .fetch_optional(&mut **tx)
        .await
        .or_internal("looking up a build")?;
        if building.is_none() {
            return Ok(Flip::Ended);
        }
        let unbuilt: i64 = sqlx::query_scalar(completed!("COUNT(*)", " AND b.file_id IS NULL"))
            .bind(tenant)
            .bind(store.as_str())
            .bind(generation)
            .bind(now)
            .fetch_one(&mut **tx)
            .await
            .or_internal("looking for files that are not built")?;
        if unbuilt > 0 {
            return Ok(Flip::Behind);
        }
        end(tx, scope, store, ("active", "retired", None), now).await?;
        sqlx::query(
            "UPDATE index_generations SET state = 'active', report = $4, finished_at = $5 \
             WHERE tenant_id = $1 AND store_id = $2 AND generation = $3",
        )
        .bind(tenant)
        .bind(store.as_str())
        .bind(generation)
        .bind(report)
        .bind(now)
        .execute(&mut **tx)
        .await
        .or_internal("changing to another generation")?;
        for statement in [
            "UPDATE vector_stores SET embedding_model = (SELECT g.embedding_model \
             FROM index_generations g WHERE g.tenant_id = $1 AND g.store_id = $2 AND g.generation = $3) \
             WHERE tenant_id = $1 AND id = $2",
            "UPDATE store_files SET usage_bytes = COALESCE((SELECT b.usage_bytes \
             FROM generation_files b WHERE b.tenant_id = $1 AND b.store_id = $2 AND b.generation = $3 \
             AND b.file_id = store_files.file_id), usage_bytes) \
             WHERE tenant_id = $1 AND store_id = $2",
            concat!(
                "UPDATE files SET text_version = t.version, notes = ",
                notes!(),
                " FROM generation_files b JOIN document_texts t \
                 ON t.file_id = b.file_id AND t.version = b.text_version \
                 WHERE b.tenant_id = $1 AND b.store_id = $2 AND b.generation = $3 \
                 AND files.id = b.file_id AND files.text_version <> t.version",
            ),
            "DELETE FROM generation_files WHERE tenant_id = $1 AND store_id = $2 AND generation = $3",
        ] {
            sqlx::query(statement)
                .bind(tenant)
                .bind(store.as_str())
                .bind(generation)
                .execute(&mut **tx)
                .await
                .or_internal("changing to another generation")?;
        }
        let Some(recut) = recut else { return Ok(Flip::Done) };
        sqlx::query(
            "UPDATE store_files SET chunking = $3, chunk_tokens = $4, overlap_tokens = $5 \
             WHERE tenant_id = $1 AND store_id = $2",
        )
        .bind(tenant)
        .bind(store.as_str())
        .bind(&recut.chunking)
        .bind(recut.chunk_tokens)
        .bind(recut.overlap_tokens)
        .execute(&mut **tx)
        .await
        .or_internal("noting how files are cut")?;
        Ok(Flip::Done)
    }

    /// Ends a build, as `cancelled` or `failed` with a reason, within a transaction; its rows and
    /// its index go through the removal lists. Says whether there was one.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn end_build(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        state: &str,
        error: Option<&str>,
    ) -> Result<bool> {
        end(tx, scope, store, ("building", state, error), self.clock.now()).await
    }

    /// Deletes rows of generations that have ended, up to `limit`; how many there were. For
    /// upkeep: call it until there are none.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn sweep_generations(&self, limit: i64) -> Result<u64> {
        let unswept: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM index_generations \
             WHERE state NOT IN ('active', 'building') AND swept = 0",
        )
        .fetch_one(&self.read)
        .await
        .or_internal("looking for ended generations")?;
        if unswept == 0 {
            return Ok(0);
        }
        let mut tx = self.begin().await?;
        let mut files: Vec<String> = sqlx::query_scalar(
            "DELETE FROM chunks WHERE seq IN (SELECT c.seq FROM index_generations g JOIN chunks c \
             ON c.store_id = g.store_id AND c.generation = g.generation \
             WHERE g.state NOT IN ('active', 'building') AND g.swept = 0 LIMIT $1) \
             RETURNING file_id",
        )
        .bind(limit)
        .fetch_all(&mut *tx)
        .await
        .or_internal("deleting the chunks of ended generations")?;
        let gone = files.len() as u64;
        files.sort_unstable();
        files.dedup();
        for file in &files {
            drop_unused_texts(&mut tx, file).await?;
        }
        if gone == 0 {
            for statement in [
                "DELETE FROM chunk_parents WHERE (store_id, generation) IN (SELECT store_id, generation \
                 FROM index_generations WHERE state NOT IN ('active', 'building') AND swept = 0)",
                "UPDATE index_generations SET swept = 1 \
                 WHERE state NOT IN ('active', 'building') AND swept = 0",
            ] {
                sqlx::query(statement)
                    .execute(&mut *tx)
                    .await
                    .or_internal("sweeping ended generations")?;
            }
        }
        commit(tx).await?;
        Ok(gone)
    }
}

/// Ends the generation that is in the state `from`.
async fn end(
    tx: &mut Tx,
    scope: &Scope,
    store: &Id,
    (from, to, error): (&str, &str, Option<&str>),
    now: Timestamp,
) -> Result<bool> {
    let ended: Option<(i64, String)> = sqlx::query_as(
        "UPDATE index_generations SET state = $4, error = $5, finished_at = $6 \
         WHERE tenant_id = $1 AND store_id = $2 AND state = $3 RETURNING generation, index_name",
    )
    .bind(scope.tenant().as_str())
    .bind(store.as_str())
    .bind(from)
    .bind(to)
    .bind(error)
    .bind(now)
    .fetch_optional(&mut **tx)
    .await
    .or_internal("ending a generation of an index")?;
    let Some((generation, index)) = ended else { return Ok(false) };
    sqlx::query(
        "DELETE FROM generation_files WHERE tenant_id = $1 AND store_id = $2 AND generation = $3",
    )
    .bind(scope.tenant().as_str())
    .bind(store.as_str())
    .bind(generation)
    .execute(&mut **tx)
    .await
    .or_internal("ending a generation of an index")?;
    for statement in [
        "INSERT INTO index_drops (store_id) VALUES ($1) ON CONFLICT (store_id) DO NOTHING",
        "DELETE FROM index_removals WHERE store_id = $1",
        "DELETE FROM index_rewrites WHERE store_id = $1",
    ] {
        sqlx::query(statement)
            .bind(&index)
            .execute(&mut **tx)
            .await
            .or_internal("listing an index for removal")?;
    }
    Ok(true)
}
