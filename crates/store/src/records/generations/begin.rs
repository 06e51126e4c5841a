//! A store's first generation, and the beginning of another one.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope};

use super::NewGeneration;
use crate::records::{Records, StoreRow, Tx, commit};

impl Records {
    /// Makes a vector store whose vectors are made by the program's own model.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_store(&self, scope: &Scope, row: &StoreRow) -> Result<()> {
        let first = NewGeneration {
            embedding_model: row.embedding_model.clone(),
            embedding_version: None,
            dimensions: None,
            chunking: None,
            recut: false,
            reparse: false,
            language: None,
            language_named: false,
        };
        self.insert_store_as(scope, row, &first).await
    }

    /// Makes a vector store with its first generation.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such version of the embedding model.
    pub async fn insert_store_as(
        &self,
        scope: &Scope,
        row: &StoreRow,
        first: &NewGeneration,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO vector_stores (id, tenant_id, name, description, metadata, embedding_model, \
             expires_after_days, created_at, last_active_at) VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9)",
        )
        .bind(&row.id)
        .bind(scope.tenant().as_str())
        .bind(&row.name)
        .bind(&row.description)
        .bind(&row.metadata)
        .bind(&row.embedding_model)
        .bind(row.expires_after_days)
        .bind(row.created_at)
        .bind(row.last_active_at)
        .execute(&mut *tx)
        .await
        .or_internal("making a vector store")?;
        self.insert_first_generation(&mut tx, scope, &row.id, first).await?;
        commit(tx).await
    }

    /// The first generation of a store, active from the start; within a transaction.
    async fn insert_first_generation(
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
             embedding_model, embedding_version, dimensions, chunking, recut, state, created_at, \
             language, language_named, reparse) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)",
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
        .bind(&new.language)
        .bind(i64::from(new.language_named))
        .bind(i64::from(new.reparse))
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
pub(in crate::records) async fn require_unused(
    tx: &mut Tx,
    scope: &Scope,
    model: &str,
) -> Result<()> {
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
