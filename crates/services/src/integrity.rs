//! Whether everything that belongs together is together: rows and points of the indexes,
//! rows and vectors, rows and bytes. The records are the truth; what differs is repaired
//! from them, and bytes that nobody owns go.

use std::collections::HashSet;
use std::time::Duration;

use cairn_kernel::{Id, Result, ResultExt};
use cairn_pipelines::Queue;
use cairn_store::{Blobs, Records};
use serde::Serialize;

use crate::accounts::scope_of_program;
use crate::ingest;
use crate::projection::{Finding, Projection};

/// Bytes younger than this may belong to a row that is about to be written.
const SETTLED: Duration = Duration::from_secs(15 * 60);

/// A document in a store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attached {
    /// The store.
    pub store: String,
    /// The file.
    pub file: String,
}

/// What a check found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Indexes that differ from the records.
    pub indexes: Vec<Finding>,
    /// Documents with rows that have no usable vector.
    pub without_vectors: Vec<Attached>,
    /// Bytes without an owner.
    pub orphaned_blobs: Vec<String>,
    /// Files whose bytes are not there. They cannot be repaired.
    pub missing_blobs: Vec<String>,
}

impl Report {
    /// Whether nothing was found.
    pub fn is_clean(&self) -> bool {
        *self == Self::default()
    }
}

/// Checks and repairs.
#[derive(Clone)]
pub struct Integrity {
    records: Records,
    blobs: Blobs,
    /// The folder of table snapshots, seen as blobs.
    tables: Blobs,
    projection: Projection,
    queue: Queue,
    /// Bytes of a vector.
    vector_bytes: i64,
}

impl Integrity {
    pub(crate) fn new(
        records: Records,
        (blobs, tables): (Blobs, Blobs),
        projection: Projection,
        queue: Queue,
        dimensions: usize,
    ) -> Self {
        let vector_bytes = i64::try_from(dimensions * 4).unwrap_or(i64::MAX);
        Self { records, blobs, tables, projection, queue, vector_bytes }
    }

    /// Compares everything with the records and, if asked, repairs it.
    ///
    /// # Errors
    /// `Internal` when the records or the disk refuse, `Unavailable` when an index cannot
    /// be repaired.
    pub async fn verify(&self, repair: bool) -> Result<Report> {
        // First, so that the indexes are compared with what can be indexed.
        let without_vectors = self.vectors(repair).await?;
        let report = Report {
            indexes: self.projection.verify(repair).await?,
            without_vectors,
            orphaned_blobs: self.orphans(repair).await?,
            missing_blobs: self.missing().await?,
        };
        for path in &report.missing_blobs {
            tracing::error!(path, "the bytes of a file are missing; upload it again");
        }
        Ok(report)
    }

    /// Documents whose vectors are unusable are read again.
    async fn vectors(&self, repair: bool) -> Result<Vec<Attached>> {
        let found = self.records.attachments_without_vectors(self.vector_bytes).await?;
        let mut listed = Vec::new();
        for (tenant, store, file) in found {
            tracing::warn!(store, file, repair, "chunks without a vector");
            if repair {
                self.read_again(&tenant, &Id::from_raw(&store), &Id::from_raw(&file)).await?;
            }
            listed.push(Attached { store, file });
        }
        Ok(listed)
    }

    async fn read_again(&self, tenant: &str, store: &Id, file: &Id) -> Result<()> {
        let scope = scope_of_program(tenant);
        let mut tx = self.records.begin().await?;
        let Some(revision) = self.records.reopen_file(&mut tx, &scope, store, file).await? else {
            return Ok(());
        };
        let work = ingest::Work { store: store.clone(), file: file.clone(), revision };
        ingest::enqueue(&self.queue, &mut tx, &scope, &work).await?;
        tx.commit().await.or_internal("reading a document again")?;
        self.queue.wake();
        Ok(())
    }

    async fn orphans(&self, repair: bool) -> Result<Vec<String>> {
        let settled = self.blobs.older_than(SETTLED).await?;
        let paths = settled.into_iter().map(|(path, _)| path).collect();
        let mut orphans = self.records.orphans_among(paths).await?;
        for path in &orphans {
            tracing::warn!(path, repair, "a blob without an owner");
            if repair {
                self.blobs.remove_orphan(path).await?;
            }
        }
        let owned: HashSet<String> = self.records.snapshot_files().await?.into_iter().collect();
        for (path, _) in self.tables.older_than(SETTLED).await? {
            if owned.contains(&path) {
                continue;
            }
            tracing::warn!(path, repair, "a snapshot without a dataset");
            if repair {
                self.tables.remove_orphan(&path).await?;
            }
            orphans.push(format!("tables/{path}"));
        }
        Ok(orphans)
    }

    async fn missing(&self) -> Result<Vec<String>> {
        let mut missing = Vec::new();
        for path in self.records.blobs_of_files().await? {
            let place = self.blobs.place(&path);
            if !tokio::fs::try_exists(place).await.or_internal("looking for a blob")? {
                missing.push(path.as_str().to_owned());
            }
        }
        Ok(missing)
    }
}
