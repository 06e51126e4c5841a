//! Uploaded files: bytes as blobs, facts as records.

use std::ops::RangeInclusive;

use bytes::Bytes;
use cairn_kernel::{Error, Id, Kind, Limits, Result, Role, Scope, Timestamp};
use cairn_store::records::{FileRow, TextRow};
use cairn_store::{BlobPath, Blobs, Page, Records};
use futures::stream::BoxStream;

use crate::incoming::{Incoming, Landed};

/// The purposes OpenAI knows.
const PURPOSES: [&str; 6] = ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];
/// How long a file may be asked to live, in seconds: an hour to 30 days.
const LIFE: RangeInclusive<i64> = 3600..=2_592_000;

/// What a file shall be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileWish {
    /// Its name, perhaps with a path in front.
    pub filename: String,
    /// One of OpenAI's purposes.
    pub purpose: String,
    /// How long it shall live, in seconds.
    pub expires_after: Option<i64>,
}

impl FileWish {
    /// The wish with a plain name, if it can be granted.
    ///
    /// # Errors
    /// `Invalid` for an unknown purpose, no name, or an expiry out of bounds.
    pub(crate) fn checked(self) -> Result<Self> {
        let purpose = &self.purpose;
        if !PURPOSES.contains(&purpose.as_str()) {
            return Err(Error::invalid(format!(
                "unknown purpose '{purpose}'; use one of {}",
                PURPOSES.join(", ")
            ))
            .with_param("purpose"));
        }
        if let Some(seconds) = self.expires_after.filter(|seconds| !LIFE.contains(seconds)) {
            return Err(Error::invalid(format!(
                "expires_after.seconds is {seconds}; it must be between {} and {}",
                LIFE.start(),
                LIFE.end()
            ))
            .with_param("expires_after"));
        }
        Ok(Self { filename: plain_name(&self.filename)?, ..self })
    }

    /// The record of the file that has come, made at `now`.
    pub(crate) fn row(self, landed: &Landed, now: Timestamp) -> FileRow {
        FileRow {
            id: landed.id.to_string(),
            filename: self.filename,
            purpose: self.purpose,
            bytes: landed.bytes,
            sha256: landed.sha256.clone(),
            created_at: now,
            expires_at: self.expires_after.map(|seconds| now + seconds * 1000),
            restricted: 0,
        }
    }
}

/// Uploads and downloads.
#[derive(Clone)]
pub struct Files {
    records: Records,
    blobs: Blobs,
    limits: Limits,
}

impl Files {
    /// Files in `records` and `blobs`.
    pub fn new(records: Records, blobs: Blobs, limits: Limits) -> Self {
        Self { records, blobs, limits }
    }

    /// What takes in the bytes of a file that is uploaded.
    ///
    /// # Errors
    /// `Forbidden` for who may only read.
    pub fn begin(&self, scope: &Scope) -> Result<Incoming> {
        scope.require(Role::Editor)?;
        Ok(incoming(scope, &self.blobs))
    }

    /// Keeps what has come of an upload, which is all of it. When this returns, it survives a
    /// crash.
    ///
    /// # Errors
    /// `Invalid` for what the file cannot be, `TooLarge` over the limit.
    pub async fn keep(&self, scope: &Scope, wish: FileWish, came: Incoming) -> Result<FileRow> {
        scope.require(Role::Editor)?;
        let wish = wish.checked()?;
        if came.bytes() > self.limits.upload_bytes {
            return Err(too_large(&wish.filename, self.limits.upload_bytes));
        }
        let landed = came.land().await?;
        let row = wish.row(&landed, self.records.clock().now());
        if let Err(error) = self.records.insert_file(scope, &row).await {
            let _ = self.blobs.delete(&landed.path).await;
            return Err(error);
        }
        Ok(row)
    }

    /// The record of a file.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, id: &Id) -> Result<FileRow> {
        self.records.file(scope, id).await
    }

    /// The tenant's files.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn list(
        &self,
        scope: &Scope,
        purpose: Option<&str>,
        page: &Page,
    ) -> Result<Vec<FileRow>> {
        self.records.list_files(scope, purpose, page).await
    }

    /// The bytes of a file, in pieces.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn content(
        &self,
        scope: &Scope,
        id: &Id,
    ) -> Result<(FileRow, BoxStream<'static, Result<Bytes>>)> {
        let row = self.records.file(scope, id).await?;
        let stream = self.blobs.stream(&BlobPath::file(scope, id)).await?;
        Ok((row, stream))
    }

    /// The text that was read from a file, with its structure as JSON.
    ///
    /// # Errors
    /// `NotFound` when the file is not there or was not read.
    pub async fn text(&self, scope: &Scope, id: &Id) -> Result<(FileRow, TextRow)> {
        let row = self.records.file(scope, id).await?;
        let text = self.records.file_text(scope, id).await?;
        Ok((row, text))
    }
}

/// What takes in the bytes of a new file.
pub(crate) fn incoming(scope: &Scope, blobs: &Blobs) -> Incoming {
    let id = Id::generate("file-");
    let path = BlobPath::file(scope, &id);
    Incoming::new(id, blobs, path)
}

/// The error for an upload over the limit.
pub fn too_large(filename: &str, limit: u64) -> Error {
    Error::new(
        Kind::TooLarge,
        format!(
            "'{filename}' is larger than the limit of {} MB for an upload; split the file, \
             or raise `limits.upload_bytes` in the configuration",
            limit >> 20
        ),
    )
    .with_param("file")
}

/// The last path segment of a client's file name, without control characters.
fn plain_name(name: &str) -> Result<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    let plain: String = last.chars().filter(|c| !c.is_control()).take(255).collect();
    if plain.is_empty() {
        return Err(Error::invalid(
            "the uploaded file has no name; send a filename with the part 'file'",
        )
        .with_param("file"));
    }
    Ok(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_in_a_name_is_dropped() -> Result<()> {
        assert_eq!(plain_name("../../etc/passwd")?, "passwd");
        assert_eq!(plain_name("C:\\docs\\a.pdf")?, "a.pdf");
        assert!(plain_name("dir/").is_err());
        Ok(())
    }

    #[test]
    fn a_file_lives_from_an_hour_to_thirty_days() {
        let wish = |purpose: &str, expires_after| FileWish {
            filename: "a.md".to_owned(),
            purpose: purpose.to_owned(),
            expires_after,
        };
        for seconds in [0, 3599, 2_592_001, -1] {
            let refused = wish("assistants", Some(seconds)).checked().err();
            assert_eq!(refused.as_ref().and_then(Error::param), Some("expires_after"));
        }
        assert!(wish("assistants", Some(3600)).checked().is_ok());
        assert!(wish("assistants", None).checked().is_ok());
        assert!(wish("secrets", None).checked().is_err());
    }
}
