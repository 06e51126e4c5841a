//! Files that stand in a question: read for it, by the sandboxed reader or as they were read for a
//! store, and cut. Their bytes and texts are in memory until the answer is made.

use bytes::Bytes;
use cairn_documents::{Document, Parser};
use cairn_kernel::{Error, Id, Kind, Limits, Result, Scope};
use cairn_store::{BlobPath, Blobs};
use sha2::{Digest, Sha256};

use super::Responses;
use crate::cutting::document_of;
use crate::embedding::Encoders;
use crate::retrieve::{Attached, ReadFile, SENT};
use crate::room::Room;

/// How many mebibytes of such files are read at once; a text, its terms and its places take some
/// times the size of the file.
const ROOM_MIB: u32 = 64;
/// Mebibytes of text that all files of a question may have together.
const TEXT_MIB: usize = 16;

/// A file that stands in a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AskedFile {
    /// One that was uploaded.
    Uploaded(Id),
    /// One whose bytes came with the question.
    Sent {
        /// What it is called.
        filename: String,
        /// The file.
        bytes: Bytes,
    },
}

/// A file of a question that is there, and is to be read.
struct Found {
    id: String,
    filename: String,
    bytes: u64,
    /// The bytes that came with the question; `None` for an uploaded file.
    sent: Option<Bytes>,
}

/// Reads files for a question. Clones share the children and the room.
#[derive(Clone)]
pub struct FileReader {
    blobs: Blobs,
    parser: Parser,
    encoders: Encoders,
    limits: Limits,
    room: Room,
}

impl FileReader {
    /// Reads by `parser` what is in `blobs`, and cuts it by the tokens of the program's own model
    /// among `encoders`.
    pub(crate) fn new(blobs: Blobs, parser: Parser, encoders: Encoders, limits: Limits) -> Self {
        Self { blobs, parser, encoders, limits, room: Room::new(ROOM_MIB) }
    }
}

impl Responses {
    /// Reads `files` for a question, each once.
    ///
    /// # Errors
    /// `NotFound` for a file that the caller's questions are not answered from, another tenant's
    /// like one that never was; `TooLarge` for bytes over the limit of uploads, and for texts of
    /// more than 16 MiB together; `Unsupported` and `Unprocessable` for what cannot be read.
    pub async fn attach(&self, scope: &Scope, files: Vec<AskedFile>) -> Result<Attached> {
        if files.is_empty() {
            return Ok(Attached::default());
        }
        let mut found: Vec<Found> = Vec::new();
        for file in files {
            let id = match &file {
                AskedFile::Uploaded(id) => id.to_string(),
                AskedFile::Sent { bytes, .. } => sent_id(bytes),
            };
            if found.iter().any(|held| held.id == id) {
                continue;
            }
            found.push(match file {
                AskedFile::Uploaded(uploaded) => self.uploaded(scope, &uploaded).await?,
                AskedFile::Sent { filename, bytes } => {
                    let size = bytes.len() as u64;
                    check_size(&filename, size, self.files.limits.upload_bytes)?;
                    Found { id, filename, bytes: size, sent: Some(bytes) }
                }
            });
        }
        // Once, and until the terms of all are counted: who waits for more while holding some may
        // wait for ever.
        let _place = self.files.room.take(found.iter().map(|file| file.bytes).sum()).await?;
        let mut read: Vec<ReadFile> = Vec::new();
        let mut texts = 0;
        for file in found {
            let document = match &file.sent {
                Some(bytes) => self.files.parser.parse(&file.filename, bytes).await?,
                None => self.document(scope, &file).await?,
            };
            let Found { id, filename, .. } = file;
            if document.text.trim().is_empty() {
                return Err(empty(&filename));
            }
            texts += document.text.len();
            check_texts(texts)?;
            read.push(ReadFile { id, filename, document });
        }
        Attached::cut(&self.files.encoders, read).await
    }

    /// Whether the caller's questions are answered from an uploaded file.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn is_askable(&self, scope: &Scope, id: &Id) -> Result<bool> {
        match self.records.file(scope, id).await {
            Ok(_) => Ok(!self.records.file_hashes(scope, &[id.as_str()]).await?.is_empty()),
            Err(gone) if gone.kind() == Kind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// An uploaded file, which the caller's questions are answered from.
    async fn uploaded(&self, scope: &Scope, id: &Id) -> Result<Found> {
        let row = self.records.file(scope, id).await?;
        // Who manages files may see one that their own questions are not answered from.
        if !self.is_askable(scope, id).await? {
            return Err(Error::not_found(format!("file '{id}'")));
        }
        let bytes = row.bytes.unsigned_abs();
        Ok(Found { id: row.id, filename: row.filename, bytes, sent: None })
    }

    /// The text of an uploaded file as it was read for a store, or else read now.
    async fn document(&self, scope: &Scope, file: &Found) -> Result<Document> {
        let id = Id::from_raw(file.id.as_str());
        match self.records.file_text(scope, &id).await {
            Ok(text) => return document_of(text),
            Err(unread) if unread.kind() == Kind::NotFound => {}
            Err(error) => return Err(error),
        }
        let place = self.files.blobs.place(&BlobPath::file(scope, &id));
        self.files.parser.parse_file(&file.filename, &place).await
    }
}

/// Refuses a file of the question over the `limit` of uploads.
fn check_size(filename: &str, bytes: u64, limit: u64) -> Result<()> {
    if bytes <= limit {
        return Ok(());
    }
    let message = format!(
        "the file '{filename}' in the question is larger than the limit of {} MB for an upload; \
         split it, or raise `limits.upload_bytes` in the configuration",
        limit >> 20
    );
    Err(Error::new(Kind::TooLarge, message))
}

/// Refuses so many bytes of text, if they are too many for one question.
fn check_texts(bytes: usize) -> Result<()> {
    if bytes <= TEXT_MIB << 20 {
        return Ok(());
    }
    let message = format!(
        "the files in the question have more than {TEXT_MIB} MiB of text together; attach them to \
         a vector store, and name it in a file_search tool"
    );
    Err(Error::new(Kind::TooLarge, message))
}

/// What a file is called whose bytes came with a question: the same for the same bytes.
fn sent_id(bytes: &[u8]) -> String {
    format!("{SENT}{}", hex::encode(Sha256::digest(bytes)))
}

fn empty(filename: &str) -> Error {
    Error::new(
        Kind::Unprocessable,
        format!("'{filename}' has no text that can be read; send a file with text in it"),
    )
    .with_code("invalid_file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_for_a_question_is_refused_with_what_to_do() {
        assert!(check_texts(16 << 20).is_ok() && check_size("a.txt", 9, 9).is_ok());
        let refused = check_texts((16 << 20) + 1).expect_err("too much text");
        assert_eq!(refused.kind(), Kind::TooLarge);
        assert!(refused.message().contains("vector store"), "{}", refused.message());
        let refused = check_size("a.txt", 10, 9).expect_err("too large");
        assert_eq!((refused.kind(), refused.param()), (Kind::TooLarge, None));
        assert!(refused.message().contains("'a.txt'"), "{}", refused.message());
    }

    #[test]
    fn the_same_bytes_have_the_same_name_which_tells_their_hash() {
        let id = sent_id(b"Ida");
        assert_eq!(id, sent_id(b"Ida"));
        assert_ne!(id, sent_id(b"Ada"));
        let hash = id.strip_prefix(SENT).expect("its beginning");
        assert_eq!(hash, hex::encode(Sha256::digest(b"Ida")));
    }
}
