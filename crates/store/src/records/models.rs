//! A tenant's models: immutable versions under a name, one of them deployed, and
//! aliases that name a version.

use cairn_kernel::{Error, Result, ResultExt, Scope, Timestamp};

use super::rollouts::NewRolloutEvent;
use super::{Records, Tx, commit};

/// A model's name and which version answers for it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ModelRow {
    /// Unique in the tenant.
    pub name: String,
    /// The version that serves, if one was deployed.
    pub deployed_version: Option<i64>,
    /// When its first version was registered.
    pub created_at: Timestamp,
}

/// One immutable version: what it is and what is known of it.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ModelVersionRow {
    /// The model.
    pub name: String,
    /// From 1, growing by one.
    pub version: i64,
    /// `onnx`, `gguf` or `remote`.
    pub kind: String,
    /// Where it comes from, a JSON object: `{}` for a blob of the tenant, else the
    /// `asset` of the model store, or `provider` and `model` of a remote one.
    pub source: String,
    /// SHA-256 of its file; empty for a remote one.
    pub sha256: String,
    /// Size of its file; 0 for a remote one.
    pub bytes: i64,
    /// The training run that made it; empty when it was registered otherwise.
    pub run_id: String,
    /// How it makes vectors, as far as its owner says: a JSON object.
    pub encoding: String,
    /// Task, target, metrics, dataset: a JSON object.
    pub metadata: String,
    /// When it was registered.
    pub created_at: Timestamp,
}

/// A version to be registered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewModelVersion {
    /// The model's name.
    pub name: String,
    /// `onnx`, `gguf` or `remote`.
    pub kind: &'static str,
    /// Where it comes from, as in [`ModelVersionRow::source`].
    pub source: String,
    /// SHA-256 of its file; empty for a remote one.
    pub sha256: String,
    /// Size of its file; 0 for a remote one.
    pub bytes: i64,
    /// The training run that made it; empty when it is registered otherwise.
    pub run_id: String,
    /// How it makes vectors, as in [`ModelVersionRow::encoding`].
    pub encoding: String,
    /// Task, target, metrics, dataset: a JSON object.
    pub metadata: String,
}

impl Records {
    /// Registers a version within a transaction and returns its number. A training
    /// run registers at most once, and so does a file or a remote model that is
    /// registered otherwise, with the same encoding: asked again, it gets the number it has.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn register_model(
        &self,
        tx: &mut Tx,
        scope: &Scope,
        new: &NewModelVersion,
    ) -> Result<i64> {
        let tenant = scope.tenant().as_str();
        let known: Option<i64> = sqlx::query_scalar(
            "SELECT version FROM model_versions WHERE tenant_id = $1 AND name = $2 AND \
             (($3 <> '' AND run_id = $3) OR ($3 = '' AND kind = $4 AND sha256 = $5 AND source = $6 \
             AND encoding = $7)) \
             ORDER BY version LIMIT 1",
        )
        .bind(tenant)
        .bind(&new.name)
        .bind(&new.run_id)
        .bind(new.kind)
        .bind(&new.sha256)
        .bind(&new.source)
        .bind(&new.encoding)
        .fetch_optional(&mut **tx)
        .await
        .or_internal("looking up a model version")?;
        if let Some(version) = known {
            return Ok(version);
        }
        sqlx::query(
            "INSERT INTO models (tenant_id, name, created_at) VALUES ($1, $2, $3) \
             ON CONFLICT (tenant_id, name) DO NOTHING",
        )
        .bind(tenant)
        .bind(&new.name)
        .bind(self.clock.now())
        .execute(&mut **tx)
        .await
        .or_internal("registering a model")?;
        if new.source == "{}" {
            self.keep_blob(tx, scope, new).await?;
        }
        sqlx::query_scalar(
            "INSERT INTO model_versions \
             (tenant_id, name, version, kind, source, sha256, bytes, run_id, encoding, metadata, \
             created_at) SELECT $1, $2, COALESCE(MAX(version), 0) + 1, $3, $4, $5, $6, $7, $8, $9, $10 \
             FROM model_versions WHERE tenant_id = $1 AND name = $2 RETURNING version",
        )
        .bind(tenant)
        .bind(&new.name)
        .bind(new.kind)
        .bind(&new.source)
        .bind(&new.sha256)
        .bind(new.bytes)
        .bind(&new.run_id)
        .bind(&new.encoding)
        .bind(&new.metadata)
        .bind(self.clock.now())
        .fetch_one(&mut **tx)
        .await
        .or_internal("registering a model version")
    }

    /// Takes a file that is registered again off the removal list.
    async fn keep_blob(&self, tx: &mut Tx, scope: &Scope, new: &NewModelVersion) -> Result<()> {
        sqlx::query("DELETE FROM blob_removals WHERE path = $1")
            .bind(crate::BlobPath::model(scope, &new.sha256).as_str())
            .execute(&mut **tx)
            .await
            .or_internal("keeping a blob")?;
        Ok(())
    }

    /// Whether a version of the tenant has this file.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn has_model_file(&self, scope: &Scope, sha256: &str) -> Result<bool> {
        let found: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM model_versions WHERE tenant_id = $1 AND sha256 = $2 AND source = '{}'",
        )
        .bind(scope.tenant().as_str())
        .bind(sha256)
        .fetch_one(&self.read)
        .await
        .or_internal("looking up a model file")?;
        Ok(found > 0)
    }

    /// The tenant's models by name.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_models(&self, scope: &Scope) -> Result<Vec<ModelRow>> {
        sqlx::query_as(
            "SELECT name, deployed_version, created_at FROM models WHERE tenant_id = $1 ORDER BY name",
        )
        .bind(scope.tenant().as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("listing models")
    }

    /// One model.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no model of that name.
    pub async fn model(&self, scope: &Scope, name: &str) -> Result<ModelRow> {
        sqlx::query_as(
            "SELECT name, deployed_version, created_at FROM models WHERE tenant_id = $1 AND name = $2",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a model")?
        .ok_or_else(|| Error::not_found(format!("model '{name}'")))
    }

    /// The versions of a model, newest first.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn model_versions(&self, scope: &Scope, name: &str) -> Result<Vec<ModelVersionRow>> {
        sqlx::query_as(
            "SELECT name, version, kind, source, sha256, bytes, run_id, encoding, metadata, \
             created_at FROM model_versions \
             WHERE tenant_id = $1 AND name = $2 ORDER BY version DESC",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .fetch_all(&self.read)
        .await
        .or_internal("listing model versions")
    }

    /// One version: the given one, else the deployed one, else the newest.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such model or version.
    pub async fn model_version(
        &self,
        scope: &Scope,
        name: &str,
        version: Option<i64>,
    ) -> Result<ModelVersionRow> {
        let model = self.model(scope, name).await?;
        sqlx::query_as(
            "SELECT name, version, kind, source, sha256, bytes, run_id, encoding, metadata, \
             created_at FROM model_versions \
             WHERE tenant_id = $1 AND name = $2 AND ($3 = 0 OR version = $3) \
             ORDER BY version DESC LIMIT 1",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .bind(version.or(model.deployed_version).unwrap_or(0))
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a model version")?
        .ok_or_else(|| match version {
            Some(version) => Error::not_found(format!("version {version} of model '{name}'")),
            None => Error::not_found(format!("model '{name}'")),
        })
    }

    /// Makes `version` the one that serves. A rollout under way is superseded, with
    /// `state` as its last one.
    ///
    /// # Errors
    /// `NotFound` when there is no such version.
    pub async fn deploy_model(
        &self,
        scope: &Scope,
        name: &str,
        version: i64,
        state: Option<&str>,
        event: &NewRolloutEvent,
    ) -> Result<()> {
        self.model_version(scope, name, Some(version)).await?;
        let mut tx = self.begin().await?;
        self.set_deployed(&mut tx, scope, name, version).await?;
        sqlx::query(
            "UPDATE rollouts SET status = 'superseded', state = COALESCE($3, state), updated_at = $4 \
             WHERE tenant_id = $1 AND name = $2 AND status = 'running'",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .bind(state)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("ending a rollout")?;
        self.insert_rollout_event(&mut tx, scope, name, event).await?;
        commit(tx).await
    }

    /// The aliases of a model with their versions, by name.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn model_aliases(&self, scope: &Scope, name: &str) -> Result<Vec<(String, i64)>> {
        sqlx::query_as(
            "SELECT alias, version FROM model_aliases WHERE tenant_id = $1 AND name = $2 ORDER BY alias",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .fetch_all(&self.read)
        .await
        .or_internal("listing a model's aliases")
    }

    /// Lets an alias name a version, from one moment to the next.
    ///
    /// # Errors
    /// `NotFound` when there is no such version.
    pub async fn set_model_alias(
        &self,
        scope: &Scope,
        name: &str,
        alias: &str,
        event: &NewRolloutEvent,
        version: i64,
    ) -> Result<()> {
        self.model_version(scope, name, Some(version)).await?;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO model_aliases (tenant_id, name, alias, version, updated_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, name, alias) \
             DO UPDATE SET version = excluded.version, updated_at = excluded.updated_at",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .bind(alias)
        .bind(version)
        .bind(self.clock.now())
        .execute(&mut *tx)
        .await
        .or_internal("setting an alias")?;
        self.insert_rollout_event(&mut tx, scope, name, event).await?;
        commit(tx).await
    }

    /// Takes an alias away.
    ///
    /// # Errors
    /// `NotFound` when the model has no such alias.
    pub async fn delete_model_alias(
        &self,
        scope: &Scope,
        name: &str,
        alias: &str,
        event: &NewRolloutEvent,
    ) -> Result<()> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "DELETE FROM model_aliases WHERE tenant_id = $1 AND name = $2 AND alias = $3",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .bind(alias)
        .execute(&mut *tx)
        .await
        .or_internal("deleting an alias")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("alias '{alias}' of model '{name}'")));
        }
        self.insert_rollout_event(&mut tx, scope, name, event).await?;
        commit(tx).await
    }

    /// Deletes a model with all versions; their files go on the removal list when no
    /// other version of the tenant has the same bytes.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no model of that name, `Conflict` naming the vector stores
    /// that it makes the vectors of.
    pub async fn delete_model(&self, scope: &Scope, name: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        super::generations::require_unused(&mut tx, scope, name).await?;
        let hashes: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT sha256 FROM model_versions WHERE tenant_id = $1 AND name = $2 AND source = '{}' \
             AND sha256 NOT IN (SELECT sha256 FROM model_versions \
             WHERE tenant_id = $1 AND name <> $2 AND source = '{}')",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .fetch_all(&mut *tx)
        .await
        .or_internal("looking up model files")?;
        let done = sqlx::query("DELETE FROM models WHERE tenant_id = $1 AND name = $2")
            .bind(scope.tenant().as_str())
            .bind(name)
            .execute(&mut *tx)
            .await
            .or_internal("deleting a model")?;
        if done.rows_affected() == 0 {
            return Err(Error::not_found(format!("model '{name}'")));
        }
        for sha256 in hashes {
            sqlx::query(
                "INSERT INTO blob_removals (path) VALUES ($1) ON CONFLICT (path) DO NOTHING",
            )
            .bind(crate::BlobPath::model(scope, &sha256).as_str())
            .execute(&mut *tx)
            .await
            .or_internal("listing a blob for removal")?;
        }
        commit(tx).await
    }
}
