//! Imports end to end: a file in, a snapshot, rows and columns out.

mod csv;
mod parquet;
mod roundtrip;

use cairn_kernel::{Error, Result};
use serde_json::Value;
use tempfile::TempDir;

use crate::{Column, Page, Snapshot, Tables};

/// A folder of tables and a place for source files.
struct Fixture {
    folder: TempDir,
    tables: Tables,
}

impl Fixture {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let tables = Tables::new(folder.path().join("tables"));
        Self { folder, tables }
    }

    async fn import(&self, name: &str, content: impl AsRef<[u8]>) -> Result<Snapshot> {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        self.tables.import(&path, None, name).await
    }

    /// Imports what must fail, and makes sure that nothing is left behind.
    async fn refused(&self, content: impl AsRef<[u8]>) -> Error {
        let error = self.import("bad.csv", content).await.unwrap_err();
        let left = std::fs::read_dir(self.folder.path().join("tables"));
        assert_eq!(left.map_or(0, Iterator::count), 0, "something was stored: {error}");
        error
    }

    async fn page(&self, snapshot: &Snapshot) -> Page {
        self.tables.rows(&snapshot.sha256, 0, 1_000_000).await.unwrap()
    }

    /// Imports `content` and gives its types, as names, and its rows.
    async fn read(&self, content: impl AsRef<[u8]>) -> (Snapshot, Vec<Vec<Value>>) {
        let snapshot = self.import("good.csv", content).await.unwrap();
        let page = self.page(&snapshot).await;
        assert_eq!(page.total, snapshot.rows);
        (snapshot, page.rows)
    }
}

fn kinds(snapshot: &Snapshot) -> Vec<&'static str> {
    snapshot.columns.iter().map(|column| column.kind.name()).collect()
}

fn names(snapshot: &Snapshot) -> Vec<&str> {
    snapshot.columns.iter().map(|column| column.name.as_str()).collect()
}

fn column<'a>(snapshot: &'a Snapshot, name: &str) -> &'a Column {
    snapshot.columns.iter().find(|column| column.name == name).unwrap()
}
