//! Datasets: named, versioned, content-addressed table snapshots.

use cairn_kernel::{Error, Id, Result, ResultExt, Scope, Timestamp};

use super::{Records, commit};

/// One version of a dataset. The same content again makes no new version.
#[derive(Clone, Debug, PartialEq, Eq, sqlx::FromRow)]
pub struct DatasetRow {
    /// `ds_…`
    pub id: String,
    /// Unique in the tenant.
    pub name: String,
    /// From 1, growing by one.
    pub version: i64,
    /// SHA-256 of the Parquet snapshot.
    pub sha256: String,
    /// The snapshot's profile as JSON.
    pub snapshot: String,
    /// Name of the file it came from.
    pub source: String,
    /// When it was imported.
    pub created_at: Timestamp,
}

impl Records {
    /// Adds a version of `name`, or returns the newest if its content is the same.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn insert_dataset(
        &self,
        scope: &Scope,
        name: &str,
        sha256: &str,
        snapshot: &str,
        source: &str,
    ) -> Result<DatasetRow> {
        let mut tx = self.begin().await?;
        let newest: Option<DatasetRow> = sqlx::query_as(
            "SELECT id, name, version, sha256, snapshot, source, created_at FROM datasets \
             WHERE tenant_id = $1 AND name = $2 ORDER BY version DESC LIMIT 1",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .fetch_optional(&mut *tx)
        .await
        .or_internal("looking up a dataset")?;
        let version = match newest {
            Some(row) if row.sha256 == sha256 => return Ok(row),
            Some(row) => row.version + 1,
            None => 1,
        };
        let row = sqlx::query_as(
            "INSERT INTO datasets (tenant_id, name, version, id, sha256, snapshot, source, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
             RETURNING id, name, version, sha256, snapshot, source, created_at",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .bind(version)
        .bind(Id::generate("ds_").as_str())
        .bind(sha256)
        .bind(snapshot)
        .bind(source)
        .bind(self.clock.now())
        .fetch_one(&mut *tx)
        .await
        .or_internal("recording a dataset")?;
        commit(tx).await?;
        Ok(row)
    }

    /// The newest version of every dataset of the tenant, by name.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn list_datasets(&self, scope: &Scope) -> Result<Vec<DatasetRow>> {
        sqlx::query_as(
            "SELECT d.id, d.name, d.version, d.sha256, d.snapshot, d.source, d.created_at FROM datasets d \
             WHERE d.tenant_id = $1 AND d.version = (SELECT MAX(n.version) FROM datasets n \
             WHERE n.tenant_id = d.tenant_id AND n.name = d.name) ORDER BY d.name",
        )
        .bind(scope.tenant().as_str())
        .fetch_all(&self.read)
        .await
        .or_internal("listing datasets")
    }

    /// The snapshots that datasets of any tenant need, as paths below the folder of
    /// tables; for upkeep.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn snapshot_files(&self) -> Result<Vec<String>> {
        sqlx::query_scalar("SELECT DISTINCT tenant_id || '/' || sha256 || '.parquet' FROM datasets")
            .fetch_all(&self.read)
            .await
            .or_internal("listing snapshots")
    }

    /// The newest version of a dataset.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no dataset of that name.
    pub async fn dataset(&self, scope: &Scope, name: &str) -> Result<DatasetRow> {
        sqlx::query_as(
            "SELECT id, name, version, sha256, snapshot, source, created_at FROM datasets \
             WHERE tenant_id = $1 AND name = $2 ORDER BY version DESC LIMIT 1",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .fetch_optional(&self.read)
        .await
        .or_internal("reading a dataset")?
        .ok_or_else(|| Error::not_found(format!("dataset '{name}'")))
    }

    /// Deletes all versions; returns the hashes no other dataset of the tenant uses.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no dataset of that name.
    pub async fn delete_dataset(&self, scope: &Scope, name: &str) -> Result<Vec<String>> {
        let mut tx = self.begin().await?;
        let gone: Vec<String> = sqlx::query_scalar(
            "DELETE FROM datasets WHERE tenant_id = $1 AND name = $2 RETURNING sha256",
        )
        .bind(scope.tenant().as_str())
        .bind(name)
        .fetch_all(&mut *tx)
        .await
        .or_internal("deleting a dataset")?;
        if gone.is_empty() {
            return Err(Error::not_found(format!("dataset '{name}'")));
        }
        let kept: Vec<String> =
            sqlx::query_scalar("SELECT DISTINCT sha256 FROM datasets WHERE tenant_id = $1")
                .bind(scope.tenant().as_str())
                .fetch_all(&mut *tx)
                .await
                .or_internal("looking up snapshots in use")?;
        commit(tx).await?;
        Ok(gone.into_iter().filter(|sha256| !kept.contains(sha256)).collect())
    }
}
