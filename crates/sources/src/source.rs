//! The seam: what every connector does.

use async_trait::async_trait;
use bytes::Bytes;
use cairn_kernel::{Error, Kind, Result};
use futures::stream::BoxStream;
use serde_json::{Map, Value};

/// One thing at a source, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// What names it at the source, stable over its life: a relative path, a URL, a message id.
    pub key: String,
    /// Changes when the content does: an `ETag`, a blob hash, size and time, a UID.
    pub version: String,
    /// A file name with an extension that tells the format.
    pub name: String,
    /// Its size in bytes where the source says it.
    pub size: Option<u64>,
    /// When it was last changed, seconds since 1970, where the source says it.
    pub modified_at: Option<i64>,
    /// Attributes for filters: strings, numbers, booleans (at most 8; e.g. path, url, author,
    /// subject).
    pub attributes: Map<String, Value>,
}

/// What a scan came upon.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// It is there; `content` comes with it where the connector had to read it to know its
    /// version (a crawled page), else it is fetched when it is new or changed.
    Item {
        /// What it is.
        item: Item,
        /// Its bytes.
        content: Option<Bytes>,
    },
    /// It is there but could not be read now; what is known of it is kept.
    Failed {
        /// What names it.
        key: String,
        /// Why, for the user.
        reason: String,
    },
}

/// What takes in the bytes of an item while they come, so that none of them need be in memory.
#[async_trait]
pub trait Sink: Send {
    /// Takes the next bytes in.
    ///
    /// # Errors
    /// When they cannot be kept; then no more are given.
    async fn write(&mut self, piece: &[u8]) -> Result<()>;

    /// Forgets what came: the item is read from its beginning once more.
    fn restart(&mut self);
}

#[async_trait]
impl Sink for Vec<u8> {
    async fn write(&mut self, piece: &[u8]) -> Result<()> {
        self.extend_from_slice(piece);
        Ok(())
    }

    fn restart(&mut self) {
        self.clear();
    }
}

/// A place that documents come from.
#[async_trait]
pub trait Source: Send + Sync {
    /// Everything that is there. The stream ends without an error only when the listing was
    /// complete: only then may what was not seen be taken as deleted. `known` gives the
    /// version held of a key.
    ///
    /// A part that cannot be listed (a folder without permission) is an error at the end,
    /// after everything else. No key comes twice.
    ///
    /// # Errors
    /// `Unauthenticated` or `Forbidden` when the source refuses, `NotFound` when it is not
    /// there, a retryable kind for what may pass.
    fn scan<'a>(
        &'a self,
        known: &'a (dyn Fn(&str) -> Option<String> + Send + Sync),
    ) -> BoxStream<'a, Result<Seen>>;

    /// Gives the bytes of an item, at most `limit` of them, into `into`. After an error those that
    /// came are of no use.
    ///
    /// # Errors
    /// `TooLarge` beyond the limit, `NotFound` when it is gone meanwhile, a retryable kind for
    /// what may pass; those of `into`.
    async fn fetch(&self, item: &Item, limit: u64, into: &mut dyn Sink) -> Result<()>;
}

/// The error for an item beyond the limit.
pub fn too_large(name: &str, limit: u64) -> Error {
    Error::new(
        Kind::TooLarge,
        format!(
            "'{name}' is larger than the limit of {} MB for a file; leave it out, or raise \
             `limits.upload_bytes` in the configuration",
            limit >> 20
        ),
    )
}
