//! Bytes on their way in: written, hashed and counted as they come, so that what an upload takes
//! in memory does not depend on how large it is.

use bytes::Bytes;
use cairn_kernel::{Id, Result, ResultExt, Scope};
use cairn_store::{BlobPath, BlobWriter, Blobs};
use sha2::{Digest, Sha256};

/// What becomes a file, or a part of one, when all of it has come and was found good. Dropped
/// before, it leaves nothing behind.
#[derive(Debug)]
pub struct Incoming {
    id: Id,
    writer: BlobWriter,
    hash: Sha256,
    bytes: u64,
}

/// What has come as a whole, and has no record yet.
#[derive(Debug)]
pub(crate) struct Landed {
    pub(crate) id: Id,
    pub(crate) path: BlobPath,
    pub(crate) bytes: i64,
    /// In hexadecimal digits.
    pub(crate) sha256: String,
}

impl Landed {
    /// A new file of these bytes, which are to be put at its path.
    ///
    /// # Errors
    /// `Internal` when the program stops.
    pub(crate) async fn of(scope: &Scope, bytes: &Bytes) -> Result<Self> {
        let id = Id::generate("file-");
        let hashed = bytes.clone();
        let sha256 = tokio::task::spawn_blocking(move || hex::encode(Sha256::digest(&hashed)))
            .await
            .or_internal("hashing a file")?;
        let path = BlobPath::file(scope, &id);
        Ok(Self { id, path, bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX), sha256 })
    }
}

impl Incoming {
    /// Nothing yet of the file or part `id`, which shall lie at `path`.
    pub(crate) fn new(id: Id, blobs: &Blobs, path: BlobPath) -> Self {
        Self { id, writer: blobs.writer(path), hash: Sha256::new(), bytes: 0 }
    }

    /// Takes the next bytes in.
    ///
    /// # Errors
    /// `Internal` when they cannot be written.
    pub async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        self.writer.write(piece).await
    }

    /// How many bytes have come.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Brings what came to the disk.
    ///
    /// # Errors
    /// `Internal` when the store refuses.
    pub(crate) async fn land(self) -> Result<Landed> {
        let path = self.writer.path().clone();
        self.writer.finish().await?;
        let bytes = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        Ok(Landed { id: self.id, path, bytes, sha256: hex::encode(self.hash.finalize()) })
    }
}
