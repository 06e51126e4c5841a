//! The folder of snapshots and what can be done with it.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Once};
use std::time::Instant;

use cairn_isolate::Isolate;
use cairn_kernel::{Error, Kind, Result, ResultExt};
use datafusion::arrow::ipc::writer::FileWriter;

use crate::cell::Cells;
use crate::frame::{self, Frame};
use crate::import::{self, Cancel};
use crate::query::{self, QueryLimits, QueryResult};
use crate::snapshot::{Page, Snapshot, SourceKind};
use crate::{files, snapshot};

/// The most columns a table may have.
pub const MAX_COLUMNS: usize = 4096;

/// Snapshots of tables in one folder. Cheap to make and to clone: it opens
/// nothing until it is used, and keeps nothing open between calls.
#[derive(Clone, Debug)]
pub struct Tables {
    dir: Arc<Path>,
    swept: Arc<Once>,
    children: Option<Isolate>,
}

impl Tables {
    /// Tables in `dir`, which the first import makes if it does not exist.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into().into(), swept: Arc::new(Once::new()), children: None }
    }

    /// Runs queries in children of `isolate`, whose program must call
    /// [`crate::child_main`] for the role [`crate::CHILD_ROLE`]. Whatever takes
    /// SQL from others should: only a process border stops every query in time
    /// and keeps its memory apart.
    #[must_use]
    pub fn with_children(mut self, isolate: Isolate) -> Self {
        self.children = Some(isolate);
        self
    }

    /// Reads the file `source`, which the user calls `original_name`, into a snapshot.
    ///
    /// The format is found from the content; `kind`, if given, must agree. The
    /// same rows give the same snapshot. On any error nothing stays in the folder:
    /// [`Kind::Unprocessable`] for ragged rows (line, expected and found number of
    /// values), broken quotes, duplicate names, no rows or a damaged file,
    /// [`Kind::Unsupported`] for other formats, [`Kind::TooLarge`] above
    /// [`MAX_COLUMNS`]. Dropping the future stops the import.
    pub async fn import(
        &self,
        source: &Path,
        kind: Option<SourceKind>,
        original_name: &str,
    ) -> Result<Snapshot> {
        let start = Instant::now();
        let (dir, swept) = (Arc::clone(&self.dir), Arc::clone(&self.swept));
        let (source, name) = (source.to_owned(), original_name.to_owned());
        let cancel = Cancel::default();
        let guard = cancel.guard();
        let work = move || {
            swept.call_once(|| files::sweep(&dir));
            import::import(&dir, &source, kind, &name, &cancel)
        };
        let done = tokio::task::spawn_blocking(work).await;
        drop(guard);
        let snapshot = done.or_kind(
            Kind::Unprocessable,
            format!("'{original_name}' could not be read: it is damaged in an unforeseen way"),
        )??;
        let seconds = start.elapsed().as_secs_f64();
        metrics::histogram!("cairn_tables_import_seconds").record(seconds);
        metrics::counter!("cairn_tables_rows_total").increment(snapshot.rows);
        tracing::info!(
            sha256 = snapshot.sha256,
            rows = snapshot.rows,
            columns = snapshot.columns.len(),
            seconds,
            "a table was imported"
        );
        Ok(snapshot)
    }

    /// Profiles a stored snapshot anew (without the notes, which its import made).
    pub async fn profile(&self, sha256: &str) -> Result<Snapshot> {
        self.blocking(sha256, import::profile).await
    }

    /// `limit` rows from row `offset` (from 0) on; fewer, or none, at the end.
    pub async fn rows(&self, sha256: &str, offset: usize, limit: usize) -> Result<Page> {
        self.blocking(sha256, move |dir, sha256| page(dir, sha256, offset, limit)).await
    }

    /// Runs one read-only SQL query over `tables`, given as name and snapshot hash.
    ///
    /// Only SELECT and WITH, only these tables, no files. Names are found in any
    /// case if written as they are spelled, in lower case, or in double quotes.
    /// More than `limits.rows` rows are cut, which `truncated` says. Errors:
    /// [`Kind::Invalid`] for the statement, [`Kind::TooLarge`] above the memory
    /// limit, [`Kind::Timeout`], [`Kind::Exhausted`] if too many queries run.
    pub async fn query(
        &self,
        tables: &[(String, String)],
        sql: &str,
        limits: QueryLimits,
    ) -> Result<QueryResult> {
        query::run(&self.dir, self.children.as_ref(), tables, sql, limits).await
    }

    /// Writes a snapshot as an Arrow IPC file to `to`, whole or not at all.
    pub async fn export_ipc(&self, sha256: &str, to: &Path) -> Result<()> {
        let to = to.to_owned();
        self.blocking(sha256, move |dir, sha256| export_ipc(dir, sha256, &to)).await
    }

    /// The whole table as typed columns, in memory.
    pub async fn frame(&self, sha256: &str) -> Result<Frame> {
        self.blocking(sha256, |dir, sha256| frame::read(dir, sha256, 0, None)).await
    }

    /// `limit` rows from row `offset` on as typed columns, to go through a large table in parts.
    pub async fn frame_rows(&self, sha256: &str, offset: usize, limit: usize) -> Result<Frame> {
        let read = move |dir: &Path, sha256: &str| frame::read(dir, sha256, offset, Some(limit));
        self.blocking(sha256, read).await
    }

    /// Where a snapshot's Parquet file is, whether or not it exists.
    /// [`Kind::Invalid`] unless `sha256` is 64 lower-case hex digits.
    pub fn path(&self, sha256: &str) -> Result<PathBuf> {
        files::path_of(&self.dir, sha256)
    }

    /// The hashes of all stored snapshots, sorted.
    pub async fn list(&self) -> Result<Vec<String>> {
        let dir = Arc::clone(&self.dir);
        joined(tokio::task::spawn_blocking(move || files::list(&dir)).await)
    }

    /// Whether a stored snapshot's bytes still have the hash that names them.
    pub async fn intact(&self, sha256: &str) -> Result<bool> {
        self.blocking(sha256, files::intact).await
    }

    /// Removes a snapshot; false if there was none.
    pub async fn remove(&self, sha256: &str) -> Result<bool> {
        let remove =
            |dir: &Path, sha256: &str| match std::fs::remove_file(files::path_of(dir, sha256)?) {
                Ok(()) => files::sync_folder(dir).map(|()| true),
                Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(false),
                Err(cause) => Err(cause).or_internal("removing a table snapshot"),
            };
        self.blocking(sha256, remove).await
    }

    async fn blocking<T, F>(&self, sha256: &str, work: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&Path, &str) -> Result<T> + Send + 'static,
    {
        let (dir, sha256) = (Arc::clone(&self.dir), sha256.to_owned());
        joined(tokio::task::spawn_blocking(move || work(&dir, &sha256)).await)
    }
}

fn joined<T>(done: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    done.map_err(|cause| Error::internal("reading tables").with_source(cause))?
}

fn page(dir: &Path, sha256: &str, offset: usize, limit: usize) -> Result<snapshot::Page> {
    let builder = files::open(dir, sha256)?;
    let total = u64::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or(0);
    let columns = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut rows = Vec::new();
    let reader = builder.with_offset(offset).with_limit(limit).build();
    for batch in reader.or_internal("reading a table snapshot")? {
        let batch = batch.or_internal("reading a table snapshot")?;
        let cells = batch.columns().iter().map(Cells::new).collect::<Result<Vec<_>>>()?;
        rows.extend((0..batch.num_rows()).map(|row| cells.iter().map(|it| it.json(row)).collect()));
    }
    Ok(Page { columns, rows, total })
}

fn export_ipc(dir: &Path, sha256: &str, to: &Path) -> Result<()> {
    const DOING: &str = "exporting a table";
    let builder = files::open(dir, sha256)?;
    let file = files::unfinished(to.parent().unwrap_or(Path::new(".")))?;
    let writer = std::io::BufWriter::new(file.as_file().try_clone().or_internal(DOING)?);
    let mut writer = FileWriter::try_new(writer, builder.schema()).or_internal(DOING)?;
    for batch in builder.build().or_internal(DOING)? {
        writer.write(&batch.or_internal(DOING)?).or_internal(DOING)?;
    }
    writer.finish().or_internal(DOING)?;
    writer.into_inner().or_internal(DOING)?.flush().or_internal(DOING)?;
    file.persist(to).map(|_: File| ()).or_internal(DOING)
}
