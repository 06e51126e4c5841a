//! Hashing, and the marker that remembers a checked hash.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use cairn_kernel::{Result, ResultExt as _};
use sha2::{Digest as _, Sha256};

const CHUNK: usize = 1 << 20;

/// Feeds the next `limit` bytes of `file` to `hash` (all when `None`).
/// Returns how many there were.
pub(crate) fn feed(file: &mut File, hash: &mut Sha256, limit: Option<u64>) -> Result<u64> {
    let mut buffer = vec![0; CHUNK];
    let mut left = limit.unwrap_or(u64::MAX);
    let mut total = 0;
    while left > 0 {
        let most = usize::try_from(left).map_or(CHUNK, |left| left.min(CHUNK));
        let read = file.read(buffer.get_mut(..most).unwrap_or_default());
        let read = read.or_internal("reading a model file")?;
        if read == 0 {
            break;
        }
        hash.update(buffer.get(..read).unwrap_or_default());
        left -= read as u64;
        total += read as u64;
    }
    Ok(total)
}

/// The SHA-256 of a file, in hexadecimal.
pub(crate) fn sha256(path: &Path) -> Result<String> {
    let mut file = File::open(path).or_internal("opening a model file")?;
    let mut hash = Sha256::new();
    feed(&mut file, &mut hash, None)?;
    Ok(hex::encode(hash.finalize()))
}

/// Where the marker of a file lies.
pub(crate) fn marker(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sha256");
    PathBuf::from(name)
}

/// What the marker of a file must say if `hash` was checked and the file has not
/// changed since.
fn line(path: &Path, hash: &str) -> Option<String> {
    let metadata = path.metadata().ok()?;
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(format!("{hash} {} {}\n", metadata.len(), modified.as_nanos()))
}

/// Whether the marker says that the file has `hash`.
pub(crate) fn is_marked(path: &Path, hash: &str) -> bool {
    let held = std::fs::read_to_string(marker(path)).ok();
    held.is_some() && held == line(path, hash)
}

/// Notes that the file has `hash`. A store that may not be written to is no
/// failure: the next start checks again.
pub(crate) fn mark(path: &Path, hash: &str) {
    let Some(line) = line(path, hash) else { return };
    if let Err(cause) = std::fs::write(marker(path), line) {
        tracing::debug!(file = %path.display(), %cause, "the checked hash was not noted");
    }
}

/// Brings a finished file to its place, so that it survives a power cut.
pub(crate) fn publish(from: &Path, to: &Path) -> Result<()> {
    let doing = "putting a model file into its place";
    File::open(from).and_then(|file| file.sync_all()).or_internal(doing)?;
    std::fs::rename(from, to).or_internal(doing)?;
    if let Some(folder) = to.parent() {
        File::open(folder).and_then(|folder| folder.sync_all()).or_internal(doing)?;
    }
    Ok(())
}

/// A file under way: what was appended and is safe on the disk is noted, so that a
/// download goes on after the last whole part.
pub(crate) struct Partial {
    path: PathBuf,
    file: File,
    hash: Sha256,
    /// Bytes so far.
    pub(crate) bytes: u64,
    /// Whole parts so far.
    pub(crate) parts: u32,
}

impl Partial {
    /// Opens `path` and goes on where its journal says; starts anew otherwise.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let doing = "opening a partial download";
        let journal = std::fs::read_to_string(journal(path)).unwrap_or_default();
        let mut numbers = journal.split_whitespace();
        let parts = numbers.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let bytes = numbers.next().and_then(|text| text.parse().ok()).unwrap_or(0);
        let mut options = File::options();
        options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(path).or_internal(doing)?;
        let mut hash = Sha256::new();
        let (parts, bytes) = if feed(&mut file, &mut hash, Some(bytes))? == bytes {
            (parts, bytes)
        } else {
            hash = Sha256::new();
            (0, 0)
        };
        file.set_len(bytes).or_internal(doing)?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(bytes)).or_internal(doing)?;
        Ok(Self { path: path.to_owned(), file, hash, bytes, parts })
    }

    /// Forgets everything.
    pub(crate) fn restart(&mut self) -> Result<()> {
        let doing = "starting a download anew";
        let _ = std::fs::remove_file(journal(&self.path));
        self.file.set_len(0).or_internal(doing)?;
        std::io::Seek::rewind(&mut self.file).or_internal(doing)?;
        self.hash = Sha256::new();
        (self.bytes, self.parts) = (0, 0);
        Ok(())
    }

    /// Appends bytes.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).or_internal("writing a model file; is the disk full?")?;
        self.hash.update(bytes);
        self.bytes += bytes.len() as u64;
        Ok(())
    }

    /// Notes that a whole part is in.
    pub(crate) fn end_part(&mut self) -> Result<()> {
        let doing = "noting a finished part";
        self.parts += 1;
        self.file.sync_data().or_internal(doing)?;
        std::fs::write(journal(&self.path), format!("{} {}", self.parts, self.bytes))
            .or_internal(doing)
    }

    /// The hash so far, in hexadecimal.
    pub(crate) fn hash(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }

    /// Brings the file to its place.
    pub(crate) fn publish(self, to: &Path) -> Result<()> {
        publish(&self.path, to)?;
        let _ = std::fs::remove_file(journal(&self.path));
        Ok(())
    }
}

fn journal(path: &Path) -> PathBuf {
    path.with_extension("parts")
}
