//! The snapshot folder: how files get in, and how they are opened.
//!
//! A snapshot is written aside, hashed while it is written, flushed to disk and
//! renamed to its hash. The writer's settings are fixed, so that the same rows
//! give the same bytes and so the same hash.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use cairn_kernel::{Error, Kind, Result, ResultExt};
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use datafusion::parquet::basic::{Compression, ZstdLevel};
use datafusion::parquet::file::properties::WriterProperties;
use sha2::{Digest, Sha256};
use tempfile::{Builder, NamedTempFile};

/// Rows of a row group: small enough to seek by, large enough to compress.
const ROW_GROUP_ROWS: usize = 131_072;

/// How unfinished files begin.
const UNFINISHED: &str = ".import-";

/// An unfinished file this old belongs to an import that a crash ended.
const ABANDONED_AFTER: Duration = Duration::from_secs(6 * 3600);

/// The path of a snapshot, whether or not it exists.
///
/// Fails with [`Kind::Invalid`] unless `sha256` is 64 lower-case hex digits, so
/// that no other path can be named.
pub(crate) fn path_of(dir: &Path, sha256: &str) -> Result<PathBuf> {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if sha256.len() != 64 || !sha256.bytes().all(hex) {
        return Err(Error::invalid(format!(
            "'{sha256}' is not a snapshot's hash; it must be 64 lower-case hex digits"
        )));
    }
    Ok(dir.join(format!("{sha256}.parquet")))
}

/// Opens a snapshot for reading. [`Kind::NotFound`] if there is none of that hash.
pub(crate) fn open(dir: &Path, sha256: &str) -> Result<ParquetRecordBatchReaderBuilder<File>> {
    let path = path_of(dir, sha256)?;
    let file = File::open(&path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Error::not_found(format!("table snapshot '{sha256}'")),
        _ => Error::internal("opening a table snapshot").with_source(cause),
    })?;
    ParquetRecordBatchReaderBuilder::try_new(file).or_internal("reading a table snapshot")
}

/// Whether a snapshot's bytes still have the hash that names them.
pub(crate) fn intact(dir: &Path, sha256: &str) -> Result<bool> {
    let path = path_of(dir, sha256)?;
    let mut file = File::open(&path).map_err(|cause| match cause.kind() {
        io::ErrorKind::NotFound => Error::not_found(format!("table snapshot '{sha256}'")),
        _ => Error::internal("opening a table snapshot").with_source(cause),
    })?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).or_internal("reading a table snapshot")? {
            0 => return Ok(hex::encode(hasher.finalize()) == sha256),
            read => hasher.update(buffer.get(..read).unwrap_or_default()),
        }
    }
}

/// The hashes of all snapshots in the folder, sorted.
pub(crate) fn list(dir: &Path) -> Result<Vec<String>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(cause) => return Err(cause).or_internal("listing table snapshots"),
    };
    let mut found = Vec::new();
    for entry in entries {
        let name = entry.or_internal("listing table snapshots")?.file_name();
        let sha256 = name.to_str().and_then(|name| name.strip_suffix(".parquet"));
        found.extend(sha256.filter(|it| path_of(dir, it).is_ok()).map(str::to_owned));
    }
    found.sort();
    Ok(found)
}

/// Removes unfinished files that a crash left behind.
pub(crate) fn sweep(dir: &Path) {
    let Ok(entries) = std::fs::read_dir(dir) else { return };
    let old = |modified: SystemTime| modified.elapsed().is_ok_and(|age| age > ABANDONED_AFTER);
    for entry in entries.flatten() {
        let unfinished = entry.file_name().to_string_lossy().starts_with(UNFINISHED);
        let abandoned = entry.metadata().and_then(|meta| meta.modified()).is_ok_and(old);
        if unfinished && abandoned {
            let removed = std::fs::remove_file(entry.path()).is_ok();
            tracing::info!(path = %entry.path().display(), removed, "an unfinished import was swept");
        }
    }
}

/// Writes one snapshot. Dropped before [`SnapshotWriter::finish`], it leaves nothing.
pub(crate) struct SnapshotWriter {
    writer: ArrowWriter<Hashing<NamedTempFile>>,
    rows: u64,
}

impl SnapshotWriter {
    /// Starts an unfinished file of `schema` in `dir`.
    pub(crate) fn create(dir: &Path, schema: SchemaRef) -> Result<Self> {
        let file = unfinished(dir)?;
        let hashing = Hashing { inner: file, hasher: Sha256::new(), bytes: 0 };
        let writer = ArrowWriter::try_new(hashing, schema, Some(properties()?))
            .or_internal("starting a table snapshot")?;
        Ok(Self { writer, rows: 0 })
    }

    /// Appends a batch of the writer's schema.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer.write(batch).or_kind(
            Kind::Unavailable,
            "the table could not be written; see whether the data folder's disk is full",
        )?;
        self.rows += batch.num_rows() as u64;
        Ok(())
    }

    /// Flushes, names the file after its hash, and returns hash, rows and size in bytes.
    pub(crate) fn finish(self, dir: &Path) -> Result<(String, u64, u64)> {
        const FULL: &str =
            "the table could not be written; see whether the data folder's disk is full";
        let rows = self.rows;
        let hashing = self.writer.into_inner().or_kind(Kind::Unavailable, FULL)?;
        let (sha256, bytes) = (hex::encode(hashing.hasher.finalize()), hashing.bytes);
        hashing.inner.as_file().sync_all().or_kind(Kind::Unavailable, FULL)?;
        let path = path_of(dir, &sha256)?;
        hashing.inner.persist(&path).or_internal("naming a table snapshot")?;
        sync_folder(dir)?;
        Ok((sha256, rows, bytes))
    }
}

/// A new unfinished file in `dir`, removed on drop; makes the folder if need be.
pub(crate) fn unfinished(dir: &Path) -> Result<NamedTempFile> {
    std::fs::create_dir_all(dir).or_internal("making the table folder")?;
    Builder::new().prefix(UNFINISHED).tempfile_in(dir).or_internal("starting a table snapshot")
}

/// Makes a rename in `dir` durable.
pub(crate) fn sync_folder(dir: &Path) -> Result<()> {
    File::open(dir).and_then(|folder| folder.sync_all()).or_internal("flushing the table folder")
}

fn properties() -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(1).or_internal("choosing the compression")?;
    Ok(WriterProperties::builder()
        .set_created_by("cairn".to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .build())
}

/// Hashes and counts what passes through.
struct Hashing<W> {
    inner: W,
    hasher: Sha256,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(data)?;
        self.hasher.update(data.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
