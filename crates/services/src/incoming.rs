//! Bytes on their way in: written, hashed and counted as they come, so that what an upload takes
//! in memory does not depend on how large it is.

use cairn_kernel::{Id, Result};
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

impl Incoming {
    /// Nothing yet of the file or part `id`, which shall lie at `path`.
    pub(crate) fn new(id: Id, blobs: &Blobs, path: BlobPath) -> Self {
        Self { id, writer: blobs.writer(path), hash: Sha256::new(), bytes: 0 }
    }

    /// Takes the next bytes in.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full, `Internal` when they cannot be written.
    pub async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.hash.update(piece);
        self.bytes += piece.len() as u64;
        self.writer.write(piece).await
    }

    /// How many bytes have come.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The hash of what has come, in hexadecimal digits.
    pub(crate) fn sha256(&self) -> String {
        hex::encode(self.hash.clone().finalize())
    }

    /// Brings what came to the disk.
    ///
    /// # Errors
    /// `Unavailable` when the disk is full, `Internal` when the store refuses.
    pub(crate) async fn land(self) -> Result<Landed> {
        let path = self.writer.path().clone();
        self.writer.finish().await?;
        let bytes = i64::try_from(self.bytes).unwrap_or(i64::MAX);
        Ok(Landed { id: self.id, path, bytes, sha256: hex::encode(self.hash.finalize()) })
    }
}
