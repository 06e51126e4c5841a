//! Datasets: a tenant's named tables, each version a content-addressed snapshot.

use std::path::{Path, PathBuf};

use cairn_isolate::Isolate;
use cairn_kernel::{Error, Id, Limits, Result, ResultExt, Role, Scope, Timestamp, unwritten};
use cairn_store::Records;
use cairn_store::records::DatasetRow;
use cairn_tables::{Frame, Page, QueryLimits, QueryResult, Snapshot, Tables};
use tokio::fs::File;
use tokio::io::AsyncWriteExt as _;

/// One version of a dataset.
#[derive(Clone, Debug)]
pub struct Dataset {
    /// `ds_…`
    pub id: String,
    /// Unique in the tenant; the table's name in SQL.
    pub name: String,
    /// From 1.
    pub version: i64,
    /// Types, profile, hash.
    pub snapshot: Snapshot,
    /// Name of the file it came from.
    pub source: String,
    /// When it was imported.
    pub created_at: Timestamp,
}

/// A table's file on its way in, which lies on the disk while it comes. Dropped, it is gone.
#[derive(Debug)]
pub struct Staged {
    place: PathBuf,
    file: File,
    bytes: u64,
}

impl Staged {
    /// Takes the next bytes in.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full, `Internal` when they cannot be written.
    pub async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.bytes += piece.len() as u64;
        self.file.write_all(piece).await.map_err(unstaged)
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.place) {
            tracing::warn!(%error, file = %self.place.display(), "an upload could not be removed");
        }
    }
}

fn unstaged(cause: std::io::Error) -> Error {
    unwritten("staging an upload", cause)
}

/// A tenant's tables.
#[derive(Clone, Debug)]
pub struct Datasets {
    records: Records,
    root: PathBuf,
    limits: Limits,
    isolate: Isolate,
}

impl Datasets {
    /// Datasets in `records`, with the snapshots of each tenant in a folder below `root`;
    /// SQL runs in children of `isolate`.
    pub fn new(records: Records, root: PathBuf, limits: Limits, isolate: Isolate) -> Self {
        Self { records, root, limits, isolate }
    }

    /// The engine over the tenant's own folder: another tenant's files are not in it.
    pub(crate) fn tables(&self, scope: &Scope) -> Tables {
        Tables::new(self.root.join(scope.tenant().as_str()))
    }

    /// What takes in the bytes of a table's file.
    ///
    /// # Errors
    /// `Forbidden` for who may only read, `Unavailable` when the disk is full.
    pub async fn begin(&self, scope: &Scope) -> Result<Staged> {
        scope.require(Role::Editor)?;
        let folder = self.root.join(scope.tenant().as_str()).join("incoming");
        tokio::fs::create_dir_all(&folder).await.map_err(unstaged)?;
        let place = folder.join(Id::generate("upload_").as_str());
        let file = File::create(&place).await.map_err(unstaged)?;
        Ok(Staged { place, file, bytes: 0 })
    }

    /// Imports a CSV or Parquet file, all of which has come, as the next version of `name` (default: the
    /// file's stem). The same content again makes no new version.
    ///
    /// # Errors
    /// `Unprocessable` naming what is wrong with the file, `Invalid` for the name.
    pub async fn import(
        &self,
        scope: &Scope,
        name: Option<&str>,
        filename: &str,
        mut came: Staged,
    ) -> Result<Dataset> {
        scope.require(Role::Editor)?;
        if came.bytes > self.limits.upload_bytes {
            return Err(crate::files::too_large(filename, self.limits.upload_bytes));
        }
        let stem = Path::new(filename).file_stem().and_then(|stem| stem.to_str()).unwrap_or("");
        let name = table_name(name.unwrap_or(stem))?;
        came.file.flush().await.map_err(unstaged)?;
        let snapshot = self.tables(scope).import(&came.place, None, filename).await?;
        drop(came);
        let profile = serde_json::to_string(&snapshot).or_internal("writing a profile")?;
        let row =
            self.records.insert_dataset(scope, &name, &snapshot.sha256, &profile, filename).await?;
        dataset(row)
    }

    /// The newest version of every dataset.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn list(&self, scope: &Scope) -> Result<Vec<Dataset>> {
        self.records.list_datasets(scope).await?.into_iter().map(dataset).collect()
    }

    /// The newest version of a dataset.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, name: &str) -> Result<Dataset> {
        dataset(self.records.dataset(scope, name).await?)
    }

    /// Deletes all versions and their bytes.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete(&self, scope: &Scope, name: &str) -> Result<()> {
        scope.require(Role::Editor)?;
        let folder = self.root.join(scope.tenant().as_str());
        for sha256 in self.records.delete_dataset(scope, name).await? {
            let file = folder.join(format!("{sha256}.parquet"));
            if let Err(error) = tokio::fs::remove_file(&file).await {
                tracing::warn!(%error, file = %file.display(), "a snapshot could not be removed");
            }
        }
        Ok(())
    }

    /// Some rows of the newest version.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn rows(
        &self,
        scope: &Scope,
        name: &str,
        offset: usize,
        limit: usize,
    ) -> Result<Page> {
        let row = self.records.dataset(scope, name).await?;
        self.tables(scope).rows(&row.sha256, offset, limit).await
    }

    /// All rows of the newest version, by column.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn frame(&self, scope: &Scope, name: &str) -> Result<Frame> {
        let row = self.records.dataset(scope, name).await?;
        self.tables(scope).frame(&row.sha256).await
    }

    /// Read-only SQL over the tenant's datasets, each a table of its name.
    ///
    /// # Errors
    /// `Invalid` for what is no query or names an unknown table.
    pub async fn query(
        &self,
        scope: &Scope,
        sql: &str,
        limits: QueryLimits,
    ) -> Result<QueryResult> {
        // A tenant without a table has no folder yet, and a query still needs one.
        let folder = self.root.join(scope.tenant().as_str());
        tokio::fs::create_dir_all(&folder).await.or_internal("making a folder for tables")?;
        let rows = self.records.list_datasets(scope).await?;
        let tables: Vec<(String, String)> =
            rows.into_iter().map(|row| (row.name, row.sha256)).collect();
        let engine = self.tables(scope).with_children(self.isolate.clone());
        engine.query(&tables, sql, limits).await
    }
}

fn dataset(row: DatasetRow) -> Result<Dataset> {
    Ok(Dataset {
        snapshot: serde_json::from_str(&row.snapshot).or_internal("reading a profile")?,
        id: row.id,
        name: row.name,
        version: row.version,
        source: row.source,
        created_at: row.created_at,
    })
}

/// A name that can stand in SQL and in a URL.
pub(crate) fn table_name(wanted: &str) -> Result<String> {
    let name: String = wanted
        .trim()
        .to_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect();
    let starts_well = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts_well || name.len() > 64 {
        return Err(Error::invalid(format!(
            "'{wanted}' cannot name a dataset; use a letter followed by up to 63 letters, digits and '_'"
        ))
        .with_param("name"));
    }
    Ok(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_usable_in_sql() -> Result<()> {
        assert_eq!(table_name("Wine Quality-white")?, "wine_quality_white");
        assert!(table_name("2024").is_err());
        assert!(table_name("").is_err());
        Ok(())
    }
}
