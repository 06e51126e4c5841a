//! File bytes, in a directory today and behind any `object_store` URL tomorrow.

use std::path::{Path as FsPath, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope, unwritten};
use futures::TryStreamExt;
use futures::stream::BoxStream;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use object_store::{MultipartUpload, ObjectStore, ObjectStoreExt, PutPayload};

/// What a [`BlobWriter`] holds before it goes to the disk, in bytes.
const PIECE: usize = 1 << 20;

/// Where a blob lies. Only a [`Scope`] can name one, so a path never leaves its tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlobPath(Path);

impl BlobPath {
    /// The blob of an uploaded file.
    pub fn file(scope: &Scope, file: &Id) -> Self {
        Self(Path::from_iter(["tenants", scope.tenant().as_str(), "files", file.as_str()]))
    }

    /// The blob of a trained model, named by its hash.
    pub fn model(scope: &Scope, sha256: &str) -> Self {
        Self(Path::from_iter(["tenants", scope.tenant().as_str(), "models", sha256]))
    }

    /// The blob of a part of an upload.
    pub fn part(scope: &Scope, upload: &Id, part: &Id) -> Self {
        Self::part_of(scope.tenant(), upload, part)
    }

    pub(crate) fn part_of(tenant: &Id, upload: &Id, part: &Id) -> Self {
        let path = ["tenants", tenant.as_str(), "uploads", upload.as_str(), part.as_str()];
        Self(Path::from_iter(path))
    }

    /// A path kept in the records for later removal.
    pub(crate) fn from_record(path: &str) -> Self {
        Self(Path::from(path))
    }

    /// The path as text, for the records.
    pub fn as_str(&self) -> &str {
        self.0.as_ref()
    }
}

/// A store of immutable blobs.
#[derive(Clone, Debug)]
pub struct Blobs {
    store: Arc<dyn ObjectStore>,
    root: Arc<FsPath>,
}

impl Blobs {
    /// Blobs in a directory, which is made if it is not there.
    ///
    /// # Errors
    /// `Internal` when the directory cannot be made.
    pub fn directory(root: &FsPath) -> Result<Self> {
        std::fs::create_dir_all(root)
            .or_internal(&format!("making the blob directory {}", root.display()))?;
        let store = LocalFileSystem::new_with_prefix(root)
            .or_internal("opening the blob directory")?
            .with_automatic_cleanup(true);
        Ok(Self { store: Arc::new(store), root: Arc::from(root) })
    }

    /// Writes a blob; it is there completely and on disk, or not at all.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full, `Internal` when the store refuses.
    pub async fn put(&self, path: &BlobPath, bytes: Bytes) -> Result<()> {
        self.store.put(&path.0, PutPayload::from_bytes(bytes)).await.map_err(refused)?;
        self.sync(path).await
    }

    /// A writer for a blob that comes in pieces.
    pub fn writer(&self, path: BlobPath) -> BlobWriter {
        BlobWriter { blobs: self.clone(), path, held: BytesMut::new(), begun: None }
    }

    async fn sync(&self, path: &BlobPath) -> Result<()> {
        let written = self.root.join(path.as_str());
        tokio::task::spawn_blocking(move || sync_to_disk(&written))
            .await
            .or_internal("waiting for the disk")?
            .map_err(|cause| unwritten("bringing a blob to the disk", cause))
    }

    /// Where a blob lies on this machine, for engines that map files into memory.
    pub fn place(&self, path: &BlobPath) -> PathBuf {
        self.root.join(path.as_str())
    }

    /// The whole blob.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn get(&self, path: &BlobPath) -> Result<Bytes> {
        let found = self.store.get(&path.0).await.map_err(missing)?;
        found.bytes().await.or_internal("reading a blob")
    }

    /// The `bytes` bytes of a blob from `start` on, all of which must be there.
    ///
    /// # Errors
    /// `NotFound` when there is no such blob.
    pub async fn range(&self, path: &BlobPath, start: u64, bytes: u64) -> Result<Bytes> {
        let range = start..start.saturating_add(bytes);
        self.store.get_range(&path.0, range).await.map_err(missing)
    }

    /// The blob in pieces.
    ///
    /// # Errors
    /// `NotFound` when there is none.
    pub async fn stream(&self, path: &BlobPath) -> Result<BoxStream<'static, Result<Bytes>>> {
        let found = self.store.get(&path.0).await.map_err(missing)?;
        let pieces = found
            .into_stream()
            .map_err(|cause| Error::internal("reading a blob").with_source(cause));
        Ok(Box::pin(pieces))
    }

    /// Every blob older than `age`, with the bytes it takes, for the program's own upkeep.
    /// What a killed process left half written is among them.
    ///
    /// # Errors
    /// `Internal` when the folder cannot be read.
    pub async fn older_than(&self, age: Duration) -> Result<Vec<(String, u64)>> {
        let root = Arc::clone(&self.root);
        tokio::task::spawn_blocking(move || {
            let mut found = Vec::new();
            walk(&root, &root, age, &mut found)?;
            found.sort();
            Ok::<_, std::io::Error>(found)
        })
        .await
        .or_internal("listing blobs")?
        .or_internal("listing blobs")
    }

    /// Removes a blob that no record owns, by its path among all blobs.
    ///
    /// # Errors
    /// `Internal` when the folder refuses.
    pub async fn remove_orphan(&self, path: &str) -> Result<()> {
        match tokio::fs::remove_file(self.root.join(path)).await {
            Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
                Err(Error::internal("deleting a blob").with_source(cause))
            }
            _ => Ok(()),
        }
    }

    /// Removes everything of a tenant that is no more.
    ///
    /// # Errors
    /// `Internal` when the folder refuses.
    pub async fn remove_tenant(&self, tenant: &str) -> Result<()> {
        remove_folder(self.root.join("tenants").join(tenant)).await
    }

    /// Removes a blob; one that is not there is no error.
    ///
    /// # Errors
    /// `Internal` when the store refuses.
    pub async fn delete(&self, path: &BlobPath) -> Result<()> {
        match self.store.delete(&path.0).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(cause) => Err(Error::internal("deleting a blob").with_source(cause)),
        }
    }
}

/// A blob on its way in, of which a mebibyte is in memory at most. Nobody can read it before
/// [`BlobWriter::finish`]; dropped before, it leaves nothing behind, and killed before, a piece
/// that [`Blobs::older_than`] tells of.
#[derive(Debug)]
pub struct BlobWriter {
    blobs: Blobs,
    path: BlobPath,
    held: BytesMut,
    /// Where the pieces go, once there is more than one.
    begun: Option<Box<dyn MultipartUpload>>,
}

impl BlobWriter {
    /// The blob that it becomes.
    pub fn path(&self) -> &BlobPath {
        &self.path
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full, `Internal` when the store refuses.
    pub async fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.held.extend_from_slice(bytes);
        if self.held.len() >= PIECE { self.flush().await } else { Ok(()) }
    }

    async fn flush(&mut self) -> Result<()> {
        let piece = PutPayload::from_bytes(self.held.split().freeze());
        let upload = match &mut self.begun {
            Some(upload) => upload,
            none => {
                let upload = self.blobs.store.put_multipart(&self.path.0).await;
                none.insert(upload.map_err(refused)?)
            }
        };
        upload.put_part(piece).await.map_err(refused)
    }

    /// Makes the blob of what was written; it is there completely and on disk, or not at all.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full, `Internal` when the store refuses.
    pub async fn finish(mut self) -> Result<()> {
        if self.begun.is_none() {
            return self.blobs.put(&self.path, self.held.freeze()).await;
        }
        if !self.held.is_empty() {
            self.flush().await?;
        }
        if let Some(upload) = &mut self.begun {
            upload.complete().await.map_err(refused)?;
        }
        self.blobs.sync(&self.path).await
    }
}

/// Removes a folder with everything in it; one that is not there is no error.
async fn remove_folder(folder: PathBuf) -> Result<()> {
    match tokio::fs::remove_dir_all(&folder).await {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => {
            Err(Error::internal(format!("removing {}", folder.display())).with_source(cause))
        }
        _ => Ok(()),
    }
}

/// Gathers the files below `folder`, by their paths below `root`.
fn walk(
    root: &FsPath,
    folder: &FsPath,
    age: Duration,
    found: &mut Vec<(String, u64)>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        // What goes away meanwhile is not there.
        let Ok(about) = entry.metadata() else { continue };
        let path = entry.path();
        if about.is_dir() {
            match walk(root, &path, age, found) {
                Err(gone) if gone.kind() == std::io::ErrorKind::NotFound => {}
                walked => walked?,
            }
        } else if about.modified()?.elapsed().unwrap_or_default() >= age
            && let Ok(below) = path.strip_prefix(root)
        {
            found.push((below.to_string_lossy().into_owned(), about.len()));
        }
    }
    Ok(())
}

/// `object_store` renames into place but leaves the flush to the kernel.
fn sync_to_disk(written: &FsPath) -> std::io::Result<()> {
    std::fs::File::open(written)?.sync_all()?;
    written.parent().map_or(Ok(()), |folder| std::fs::File::open(folder)?.sync_all())
}

fn refused(cause: object_store::Error) -> Error {
    unwritten("writing a blob", cause)
}

fn missing(cause: object_store::Error) -> Error {
    match cause {
        object_store::Error::NotFound { .. } => {
            Error::new(Kind::NotFound, "the bytes of this file are gone").with_source(cause)
        }
        other => Error::internal("reading a blob").with_source(other),
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "tests stand in for authentication")]
mod tests {
    use cairn_kernel::Role;

    use super::*;

    #[tokio::test]
    async fn a_blob_comes_back_and_goes_for_good() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let blobs = Blobs::directory(dir.path())?;
        let scope = Scope::grant(Id::from_raw("t"), Id::from_raw("k"), Role::Admin);
        let path = BlobPath::file(&scope, &Id::from_raw("file-1"));
        blobs.put(&path, Bytes::from_static(b"bytes")).await?;
        assert_eq!(blobs.get(&path).await?.as_ref(), b"bytes");
        blobs.delete(&path).await?;
        blobs.delete(&path).await?;
        assert_eq!(blobs.get(&path).await.map_err(|e| e.kind()), Err(Kind::NotFound));
        Ok(())
    }

    #[tokio::test]
    async fn a_blob_in_pieces_is_there_when_it_is_finished_and_else_leaves_nothing() -> Result<()> {
        let dir = tempfile::tempdir().or_internal("a folder")?;
        let blobs = Blobs::directory(dir.path())?;
        let scope = Scope::grant(Id::from_raw("t"), Id::from_raw("k"), Role::Admin);
        for size in [0, 1, PIECE - 1, PIECE, 3 * PIECE + 7] {
            let bytes: Vec<u8> = (0..size).map(|at| (at % 251) as u8).collect();
            let path = BlobPath::file(&scope, &Id::from_raw(format!("file-{size}")));
            let mut writer = blobs.writer(path.clone());
            for piece in bytes.chunks(100_000) {
                writer.write(piece).await?;
            }
            assert_eq!(writer.path(), &path);
            assert!(blobs.get(&path).await.is_err(), "it is not finished");
            writer.finish().await?;
            assert!(blobs.get(&path).await?.as_ref() == bytes, "{size} bytes");
            let half = blobs.range(&path, size as u64 / 2, size as u64 - size as u64 / 2).await;
            assert!(size == 0 || half?.as_ref() == &bytes[size / 2..], "half of {size} bytes");
        }
        let kept = blobs.older_than(Duration::ZERO).await?.len();
        let mut left = blobs.writer(BlobPath::file(&scope, &Id::from_raw("file-left")));
        left.write(&vec![7; 2 * PIECE]).await?;
        assert_eq!(blobs.older_than(Duration::ZERO).await?.len(), kept + 1);
        drop(left);
        for _ in 0..200 {
            if blobs.older_than(Duration::ZERO).await?.len() == kept {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("what was written of it is still there");
    }
}
