//! From a source file to a stored, profiled snapshot.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cairn_kernel::{Error, Kind, Result, ResultExt};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Schema, SchemaRef};

use crate::csv;
use crate::files::{self, SnapshotWriter};
use crate::parquet_source::ParquetSource;
use crate::profile::Profiler;
use crate::snapshot::{ColumnType, Snapshot, SourceKind};

/// What the first and last bytes of a Parquet file are.
const PARQUET_MAGIC: &[u8] = b"PAR1";

/// Tells work on the blocking pool that nobody waits for it any more.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Fails with [`Kind::Cancelled`] once the guard is gone.
    pub(crate) fn check(&self) -> Result<()> {
        match self.0.load(Ordering::Relaxed) {
            false => Ok(()),
            true => Err(Error::new(Kind::Cancelled, "the import was cancelled")),
        }
    }

    /// Cancels when dropped.
    pub(crate) fn guard(&self) -> CancelOnDrop {
        CancelOnDrop(self.clone())
    }
}

/// See [`Cancel::guard`].
pub(crate) struct CancelOnDrop(Cancel);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.0.store(true, Ordering::Relaxed);
    }
}

/// Imports `source`, called `name` by the user, into `dir`.
pub(crate) fn import(
    dir: &Path,
    source: &Path,
    kind: Option<SourceKind>,
    name: &str,
    cancel: &Cancel,
) -> Result<Snapshot> {
    let (sha256, rows, bytes, columns, notes) = match kind_of(source, kind, name)? {
        SourceKind::Csv => {
            let survey = csv::survey(source, name, cancel)?;
            let mut batches = csv::Batches::open(source, name, &survey)?;
            let mut store = Store::create(dir, batches.schema())?;
            while let Some(batch) = batches.next_batch()? {
                cancel.check()?;
                store.write(&batch)?;
            }
            store.finish(dir, survey.notes)?
        }
        SourceKind::Parquet => {
            let mut source = ParquetSource::open(source, name)?;
            let mut store = Store::create(dir, source.schema())?;
            while let Some(batch) = source.next_batch()? {
                cancel.check()?;
                store.write(&batch)?;
            }
            store.finish(dir, source.notes())?
        }
    };
    Ok(Snapshot { sha256, rows, bytes, columns, notes })
}

/// Profiles a stored snapshot anew; gives the same columns as its import did.
pub(crate) fn profile(dir: &Path, sha256: &str) -> Result<Snapshot> {
    let builder = files::open(dir, sha256)?;
    let mut profiler = Profiler::new(typed(builder.schema())?);
    let mut rows = 0;
    for batch in builder.build().or_internal("reading a table snapshot")? {
        let batch = batch.or_internal("reading a table snapshot")?;
        profiler.update(&batch)?;
        rows += batch.num_rows() as u64;
    }
    let bytes = std::fs::metadata(files::path_of(dir, sha256)?)
        .or_internal("reading a table snapshot")?
        .len();
    let columns = profiler.finish();
    Ok(Snapshot { sha256: sha256.to_owned(), rows, bytes, columns, notes: Vec::new() })
}

/// Names and types of a snapshot's schema.
pub(crate) fn typed(schema: &Schema) -> Result<Vec<(String, ColumnType)>> {
    let of = |name: &str, kind: &DataType| {
        ColumnType::of(kind).map(|it| (name.to_owned(), it)).ok_or_else(|| {
            Error::internal(format!("the snapshot's column '{name}' has the type {kind}"))
        })
    };
    schema.fields().iter().map(|field| of(field.name(), field.data_type())).collect()
}

fn kind_of(source: &Path, said: Option<SourceKind>, name: &str) -> Result<SourceKind> {
    let mut magic = Vec::new();
    File::open(source)
        .or_internal("opening the uploaded table")?
        .take(PARQUET_MAGIC.len() as u64)
        .read_to_end(&mut magic)
        .or_internal("reading the table")?;
    let found = match magic == PARQUET_MAGIC {
        true => SourceKind::Parquet,
        false => SourceKind::Csv,
    };
    match said {
        Some(said) if said != found => {
            let (said, found) = (said.name(), found.name());
            let message = match found {
                "Parquet" => format!("'{name}' was sent as {said}, but is a {found} file"),
                _ => format!("'{name}' was sent as {said}, but is not a {said} file"),
            };
            Err(Error::new(Kind::Unprocessable, message))
        }
        _ => Ok(found),
    }
}

/// Writes and profiles in one go.
struct Store {
    writer: SnapshotWriter,
    profiler: Profiler,
}

type Stored = (String, u64, u64, Vec<crate::snapshot::Column>, Vec<String>);

impl Store {
    fn create(dir: &Path, schema: SchemaRef) -> Result<Self> {
        let profiler = Profiler::new(typed(&schema)?);
        Ok(Self { writer: SnapshotWriter::create(dir, schema)?, profiler })
    }

    fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch)?;
        self.profiler.update(batch)
    }

    fn finish(self, dir: &Path, notes: Vec<String>) -> Result<Stored> {
        let (sha256, rows, bytes) = self.writer.finish(dir)?;
        Ok((sha256, rows, bytes, self.profiler.finish(), notes))
    }
}
