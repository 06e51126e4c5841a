//! Generations of a store's index: the one that answers, and perhaps one that is being built
//! with another embedding model or another way of cutting.
//!
//! A generation's chunks carry its number, its points lie in an index of its own. It becomes the
//! active one in one transaction, which takes place only when every completed file is whole in
//! it. The rows and the index of one that has ended go through the removal lists.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope, Timestamp};

use super::{Records, StoreFileRow, Tx, commit};

/// A generation of a store's index.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct GenerationRow {
    /// The store.
    pub store_id: String,
    /// Grows with every re-index of the store, from 1.
    pub generation: i64,
    /// The name of its index; the first has the store's id.
    pub index_name: String,
    /// Which model makes its vectors.
    pub embedding_model: String,
    /// Which version of it; `None` for the program's own model.
    pub embedding_version: Option<i64>,
    /// Numbers in a vector; `None` for the program's own model.
    pub dimensions: Option<i64>,
    /// How files are cut that do not say it themselves: a JSON object, or OpenAI's default.
    pub chunking: Option<String>,
    /// 1 when its build cuts every file so, whatever it said.
    pub recut: i64,
    /// `building`, `active`, `retired`, `cancelled` or `failed`.
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
    /// How it compares with the one before: a JSON object, once it was built.
    pub report: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When its building was last taken up.
    pub started_at: Option<Timestamp>,
    /// Bytes of the files that were done by then.
    pub bytes_at_start: i64,
    /// When it became active, or ended before it did.
    pub finished_at: Option<Timestamp>,
}

impl GenerationRow {
    /// Whether it is being built.
    pub fn is_building(&self) -> bool {
        self.state == "building"
    }
}

/// What a generation shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGeneration {
    /// Which model makes its vectors.
    pub embedding_model: String,
    /// Which version of it; `None` for the program's own model.
    pub embedding_version: Option<i64>,
    /// Numbers in a vector; `None` for the program's own model.
    pub dimensions: Option<i64>,
    /// See [`GenerationRow::chunking`].
    pub chunking: Option<String>,
    /// Whether its build cuts every file so, whatever it said.
    pub recut: bool,
}

/// How far a build is. Bytes are those that the files take in the active generation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, sqlx::FromRow)]
pub struct BuildProgress {
    /// Completed files of the store.
    pub files: i64,
    /// Those of them that are whole in the new generation.
    pub files_done: i64,
    /// Bytes of all.
    pub bytes: i64,
    /// Bytes of those that are done.
    pub bytes_done: i64,
}

/// How all files of a store are cut from now on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recut {
    /// A JSON object, where the tokens do not say it.
    pub chunking: Option<String>,
    /// Most tokens of a chunk.
    pub chunk_tokens: i64,
    /// Tokens a chunk shares with the one before.
    pub overlap_tokens: i64,
}

/// What came of the attempt to make a generation the active one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flip {
    /// It is the active one when the transaction commits.
    Done,
    /// A completed file is not whole in it yet.
    Behind,
    /// It is no longer being built.
    Ended,
}

/// The index of a generation that is active or being built.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct LiveIndex {
    /// Its name.
    pub index_name: String,
    /// The store it is for.
    pub store_id: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT store_id, generation, index_name, embedding_model, embedding_version, dimensions, \
             chunking, recut, state, error, report, created_at, started_at, bytes_at_start, finished_at \
             FROM index_generations WHERE tenant_id = $1 AND store_id = $2",
            $rest
        )
    };
}

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
    /// The generation that answers.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn active_generation(&self, scope: &Scope, store: &Id) -> Result<GenerationRow> {
        sqlx::query_as(select!(" AND state = 'active'"))
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .fetch_optional(&self.read)
            .await
            .or_internal("reading the generation of an index")?
            .ok_or_else(|| Error::not_found(format!("vector store '{store}'")))
    }

    /// As [`Records::active_generation`], within a transaction; only its number.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn active_generation_within(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
    ) -> Result<Option<i64>> {
        sqlx::query_scalar(
            "SELECT generation FROM index_generations \
             WHERE tenant_id = $1 AND store_id = $2 AND state = 'active'",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .fetch_optional(&mut **tx)
        .await
        .or_internal("reading the generation of an index")
    }

    /// The name of the index that answers for a store, whosever it is; for upkeep and analysis.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn active_index(&self, store: &Id) -> Result<Option<String>> {
        sqlx::query_scalar(
            "SELECT index_name FROM index_generations WHERE store_id = $1 AND state = 'active'",
        )
        .bind(store.as_str())
        .fetch_optional(&self.read)
        .await
        .or_internal("reading the name of an index")
    }

    /// The generations that are written to: the active one, then one that is being built.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn live_generations(&self, scope: &Scope, store: &Id) -> Result<Vec<GenerationRow>> {
        sqlx::query_as(select!(" AND state IN ('active', 'building') ORDER BY state"))
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .fetch_all(&self.read)
            .await
            .or_internal("reading the generations of an index")
    }

    /// The newest generation, whatever its state.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store.
    pub async fn newest_generation(&self, scope: &Scope, store: &Id) -> Result<GenerationRow> {
        sqlx::query_as(select!(" ORDER BY generation DESC LIMIT 1"))
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .fetch_optional(&self.read)
            .await
            .or_internal("reading the generation of an index")?
            .ok_or_else(|| Error::not_found(format!("vector store '{store}'")))
    }

    /// One generation, or none.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn find_generation(
        &self,
        scope: &Scope,
        store: &Id,
        generation: i64,
    ) -> Result<Option<GenerationRow>> {
        sqlx::query_as(select!(" AND generation = $3"))
            .bind(scope.tenant().as_str())
            .bind(store.as_str())
            .bind(generation)
            .fetch_optional(&self.read)
            .await
            .or_internal("reading the generation of an index")
    }

    /// The indexes that must be there, of every tenant; for upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn live_indexes(&self) -> Result<Vec<LiveIndex>> {
        sqlx::query_as(
            "SELECT index_name, store_id FROM index_generations \
             WHERE state IN ('active', 'building') ORDER BY index_name",
        )
        .fetch_all(&self.read)
        .await
        .or_internal("listing all indexes")
    }

    /// The index of that name if it must be there; for upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn live_index(&self, name: &str) -> Result<Option<LiveIndex>> {
        sqlx::query_as(
            "SELECT index_name, store_id FROM index_generations \
             WHERE index_name = $1 AND state IN ('active', 'building')",
        )
        .bind(name)
        .fetch_optional(&self.read)
        .await
        .or_internal("looking up an index")
    }

    /// The first generation of a store, active from the start; within a transaction.
    pub(super) async fn insert_first_generation(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &str,
        new: &NewGeneration,
    ) -> Result<()> {
        require_version(tx, scope, new).await?;
        self.insert_generation(tx, scope, (store, store, 1, "active"), new).await
    }

    async fn insert_generation(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        (store, index, generation, state): (&str, &str, i64, &str),
        new: &NewGeneration,
    ) -> Result<()> {
        sqlx::query(
            "INSERT INTO index_generations (tenant_id, store_id, generation, index_name, \
             embedding_model, embedding_version, dimensions, chunking, recut, state, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(scope.tenant().as_str())
        .bind(store)
        .bind(generation)
        .bind(index)
        .bind(&new.embedding_model)
        .bind(new.embedding_version)
        .bind(new.dimensions)
        .bind(&new.chunking)
        .bind(i64::from(new.recut))
        .bind(state)
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("beginning a generation of an index")?;
        Ok(())
    }

    /// Begins to build a generation, within the transaction that enqueues the job; its number.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such store, or no such version of the model;
    /// `Conflict` when a generation of it is being built already.
    pub async fn begin_generation(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        store: &Id,
        new: &NewGeneration,
    ) -> Result<i64> {
        let (known, building): (Option<i64>, i64) = sqlx::query_as(
            "SELECT MAX(generation), COALESCE(SUM(CASE WHEN state = 'building' THEN 1 ELSE 0 END), 0) \
             FROM index_generations WHERE tenant_id = $1 AND store_id = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .fetch_one(&mut **tx)
        .await
        .or_internal("looking up the generations of an index")?;
        let last = known.ok_or_else(|| Error::not_found(format!("vector store '{store}'")))?;
        if building > 0 {
            return Err(Error::new(
                Kind::Conflict,
                format!(
                    "vector store '{store}' is being re-indexed already; wait until it is done, or \
                     cancel it with DELETE /cairn/v1/vector_stores/{store}/reindex"
                ),
            ));
        }
        require_version(tx, scope, new).await?;
        let generation = last + 1;
        let index = format!("{store}-g{generation}");
        let of = (store.as_str(), index.as_str(), generation, "building");
        self.insert_generation(tx, scope, of, new).await?;
        Ok(generation)
    }

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
             sf.usage_bytes, sf.revision, sf.created_at",
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
        let (store, file, revision) = of;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO generation_files (tenant_id, store_id, generation, file_id, revision, usage_bytes) \
             SELECT sf.tenant_id, sf.store_id, g.generation, sf.file_id, sf.revision, $6 \
             FROM store_files sf JOIN index_generations g \
             ON g.tenant_id = sf.tenant_id AND g.store_id = sf.store_id \
             WHERE sf.tenant_id = $1 AND sf.store_id = $2 AND sf.file_id = $3 AND sf.revision = $4 \
             AND g.generation = $5 AND g.state = 'building' \
             ON CONFLICT (tenant_id, store_id, generation, file_id) DO UPDATE SET \
             revision = excluded.revision, usage_bytes = excluded.usage_bytes",
        )
        .bind(scope.tenant().as_str())
        .bind(store.as_str())
        .bind(file.as_str())
        .bind(revision)
        .bind(generation)
        .bind(bytes)
        .execute(&mut *tx)
        .await
        .or_internal("noting that a file is built")?;
        commit(tx).await
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
        let gone = sqlx::query(
            "DELETE FROM chunks WHERE seq IN (SELECT c.seq FROM index_generations g JOIN chunks c \
             ON c.store_id = g.store_id AND c.generation = g.generation \
             WHERE g.state NOT IN ('active', 'building') AND g.swept = 0 LIMIT $1)",
        )
        .bind(limit)
        .execute(&mut *tx)
        .await
        .or_internal("deleting the chunks of ended generations")?
        .rows_affected();
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

/// Fails when the version that a generation needs was deleted.
async fn require_version(tx: &mut Tx, scope: &Scope, new: &NewGeneration) -> Result<()> {
    let Some(version) = new.embedding_version else { return Ok(()) };
    let found: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM model_versions WHERE tenant_id = $1 AND name = $2 AND version = $3",
    )
    .bind(scope.tenant().as_str())
    .bind(&new.embedding_model)
    .bind(version)
    .fetch_one(&mut **tx)
    .await
    .or_internal("looking up an embedding model")?;
    if found == 0 {
        let what = format!("version {version} of model '{}'", new.embedding_model);
        return Err(Error::not_found(what).with_param("embedding_model"));
    }
    Ok(())
}

/// Fails when a store's vectors are made by the model, so that it cannot be deleted.
pub(super) async fn require_unused(tx: &mut Tx, scope: &Scope, model: &str) -> Result<()> {
    let users: Vec<(String, String)> = sqlx::query_as(
        "SELECT DISTINCT v.id, v.name FROM index_generations g JOIN vector_stores v ON v.id = g.store_id \
         WHERE g.tenant_id = $1 AND g.embedding_model = $2 AND g.embedding_version IS NOT NULL \
         AND g.state IN ('active', 'building') ORDER BY v.id",
    )
    .bind(scope.tenant().as_str())
    .bind(model)
    .fetch_all(&mut **tx)
    .await
    .or_internal("looking for stores that use a model")?;
    if users.is_empty() {
        return Ok(());
    }
    let named: Vec<String> = users.iter().map(|(id, name)| format!("'{name}' ({id})")).collect();
    Err(Error::new(
        Kind::Conflict,
        format!(
            "model '{model}' makes the vectors of the vector stores {}; re-index them with another \
             model, or delete them, and then delete it",
            named.join(", ")
        ),
    )
    .with_code("model_in_use"))
}
