//! Uploaded files: bytes as blobs, facts as records.

use bytes::Bytes;
use cairn_kernel::{Error, Id, Kind, Limits, Result, ResultExt, Role, Scope};
use cairn_store::records::{FileRow, TextRow};
use cairn_store::{BlobPath, Blobs, Page, Records};
use futures::stream::BoxStream;
use sha2::{Digest, Sha256};

use crate::projection::Projection;

/// The purposes OpenAI knows.
const PURPOSES: [&str; 6] = ["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];

/// Uploads, downloads and deletes.
#[derive(Clone)]
pub struct Files {
    records: Records,
    blobs: Blobs,
    limits: Limits,
    projection: Projection,
}

impl Files {
    /// Files in `records` and `blobs`.
    pub fn new(records: Records, blobs: Blobs, limits: Limits, projection: Projection) -> Self {
        Self { records, blobs, limits, projection }
    }

    /// Keeps an upload. When this returns, it survives a crash.
    ///
    /// # Errors
    /// `Invalid` for an unknown purpose or no name, `TooLarge` over the limit.
    pub async fn upload(
        &self,
        scope: &Scope,
        filename: &str,
        purpose: &str,
        bytes: Bytes,
    ) -> Result<FileRow> {
        scope.require(Role::Editor)?;
        if !PURPOSES.contains(&purpose) {
            return Err(Error::invalid(format!(
                "unknown purpose '{purpose}'; use one of {}",
                PURPOSES.join(", ")
            ))
            .with_param("purpose"));
        }
        let filename = plain_name(filename)?;
        if bytes.len() as u64 > self.limits.upload_bytes {
            return Err(too_large(&filename, self.limits.upload_bytes));
        }
        let hashed = bytes.clone();
        let sha256 = tokio::task::spawn_blocking(move || hex::encode(Sha256::digest(&hashed)))
            .await
            .or_internal("hashing an upload")?;
        let id = Id::generate("file-");
        let row = FileRow {
            id: id.to_string(),
            filename,
            purpose: purpose.to_owned(),
            bytes: i64::try_from(bytes.len()).unwrap_or(i64::MAX),
            sha256,
            created_at: self.records.clock().now(),
        };
        let path = BlobPath::file(scope, &id);
        self.blobs.put(&path, bytes).await?;
        if let Err(error) = self.records.insert_file(scope, &row).await {
            let _ = self.blobs.delete(&path).await;
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

    /// Deletes a file everywhere: from this moment no search, answer or stored
    /// response returns a word of it.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn delete(&self, scope: &Scope, id: &Id) -> Result<()> {
        scope.require(Role::Editor)?;
        self.records.delete_file(scope, id).await?;
        self.projection.wake();
        Ok(())
    }
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
}
