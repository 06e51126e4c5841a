//! Trained models: immutable versions under a name, one of them deployed.

use cairn_kernel::{Error, Result, ResultExt, Scope, Timestamp};

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

/// One immutable version: a hash and what is known of the file it names.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct ModelVersionRow {
    /// The model.
    pub name: String,
    /// From 1, growing by one.
    pub version: i64,
    /// SHA-256 of the ONNX file.
    pub sha256: String,
    /// Size of the ONNX file.
    pub bytes: i64,
    /// The training run that made it.
    pub run_id: String,
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
    /// SHA-256 of the ONNX file.
    pub sha256: String,
    /// Size of the ONNX file.
    pub bytes: i64,
    /// The training run that made it.
    pub run_id: String,
    /// Task, target, metrics, dataset: a JSON object.
    pub metadata: String,
}

impl Records {
    /// Registers a version within a transaction and returns its number. A training
    /// run registers at most once: asked again, it gets the number it has.
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
            "SELECT version FROM model_versions WHERE tenant_id = $1 AND name = $2 AND run_id = $3",
        )
        .bind(tenant)
        .bind(&new.name)
        .bind(&new.run_id)
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
        sqlx::query_scalar(
            "INSERT INTO model_versions (tenant_id, name, version, sha256, bytes, run_id, metadata, created_at) \
             SELECT $1, $2, COALESCE(MAX(version), 0) + 1, $3, $4, $5, $6, $7 FROM model_versions \
             WHERE tenant_id = $1 AND name = $2 RETURNING version",
        )
        .bind(tenant)
        .bind(&new.name)
        .bind(&new.sha256)
        .bind(new.bytes)
        .bind(&new.run_id)
        .bind(&new.metadata)
        .bind(self.clock.now())
        .fetch_one(&mut **tx)
        .await
        .or_internal("registering a model version")
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
            "SELECT name, version, sha256, bytes, run_id, metadata, created_at FROM model_versions \
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
            "SELECT name, version, sha256, bytes, run_id, metadata, created_at FROM model_versions \
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

    /// Makes `version` the one that serves.
    ///
    /// # Errors
    /// `NotFound` when there is no such version.
    pub async fn deploy_model(&self, scope: &Scope, name: &str, version: i64) -> Result<()> {
        self.model_version(scope, name, Some(version)).await?;
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE models SET deployed_version = $3 WHERE tenant_id = $1 AND name = $2")
            .bind(scope.tenant().as_str())
            .bind(name)
            .bind(version)
            .execute(&mut *tx)
            .await
            .or_internal("deploying a model")?;
        commit(tx).await
    }

    /// Deletes a model with all versions; their files go on the removal list when no
    /// other version of the tenant has the same bytes.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no model of that name.
    pub async fn delete_model(&self, scope: &Scope, name: &str) -> Result<()> {
        let mut tx = self.begin().await?;
        let hashes: Vec<String> = sqlx::query_scalar(
            "SELECT DISTINCT sha256 FROM model_versions WHERE tenant_id = $1 AND name = $2 \
             AND sha256 NOT IN (SELECT sha256 FROM model_versions WHERE tenant_id = $1 AND name <> $2)",
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
