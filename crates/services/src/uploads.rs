//! Files that come in parts: each part is on disk when it is acknowledged, and the file is
//! there as a whole or not at all. However large it is, a mebibyte of it is in memory.

use cairn_kernel::{Error, Id, Kind, Limits, Result, Role, Scope};
use cairn_store::records::{FileRow, PartRow, UploadRow};
use cairn_store::{BlobPath, Blobs, Records};
use md5::{Digest as _, Md5};

use crate::files::{FileWish, incoming};
use crate::incoming::Incoming;

/// How long an upload may take, as at OpenAI.
const LIFE_MS: i64 = 3_600_000;
/// Largest part, as at OpenAI.
pub const PART_BYTES: u64 = 64 << 20;
/// Most parts of an upload.
const PARTS_MAX: usize = 10_000;
/// How much of a part is in memory while the file is made of them, in bytes; it is hashed and
/// written before others have a turn.
const PIECE: u64 = 1 << 20;

/// An upload as it stands.
#[derive(Clone, Debug)]
pub struct Upload {
    /// Its record; the status `expired` is a pending one whose time is over.
    pub row: UploadRow,
    /// The file, once it is whole.
    pub file: Option<FileRow>,
}

/// Uploads in parts.
#[derive(Clone)]
pub struct Uploads {
    records: Records,
    blobs: Blobs,
    limits: Limits,
}

impl Uploads {
    /// Uploads in `records` and `blobs`.
    pub fn new(records: Records, blobs: Blobs, limits: Limits) -> Self {
        Self { records, blobs, limits }
    }

    /// Begins an upload of `bytes` bytes.
    ///
    /// # Errors
    /// `Invalid` for what the file cannot be, `TooLarge` over the limit.
    pub async fn create(&self, scope: &Scope, wish: FileWish, bytes: i64) -> Result<Upload> {
        scope.require(Role::Editor)?;
        let wish = wish.checked()?;
        if bytes < 0 {
            return Err(Error::invalid(format!("bytes is {bytes}; it cannot be below 0"))
                .with_param("bytes"));
        }
        if bytes.unsigned_abs() > self.limits.upload_parts_bytes {
            return Err(too_large(&wish.filename, self.limits.upload_parts_bytes));
        }
        let now = self.records.clock().now();
        let row = UploadRow {
            id: Id::generate("upload_").to_string(),
            filename: wish.filename,
            purpose: wish.purpose,
            bytes,
            file_seconds: wish.expires_after,
            status: "pending".to_owned(),
            file_id: None,
            created_at: now,
            expires_at: now + LIFE_MS,
        };
        self.records.insert_upload(scope, &row).await?;
        Ok(Upload { row, file: None })
    }

    /// Whether an upload takes parts.
    ///
    /// # Errors
    /// `Forbidden` for who may only read, `NotFound`, `Invalid` when it is no longer pending.
    pub async fn expect_part(&self, scope: &Scope, upload: &Id) -> Result<()> {
        scope.require(Role::Editor)?;
        require_pending(&self.current(scope, upload).await?)
    }

    /// What takes in the bytes of a part.
    ///
    /// # Errors
    /// `Forbidden` for who may only read.
    pub fn begin_part(&self, scope: &Scope, upload: &Id) -> Result<Incoming> {
        scope.require(Role::Editor)?;
        let id = Id::generate("part_");
        let path = BlobPath::part(scope, upload, &id);
        Ok(Incoming::new(id, &self.blobs, path))
    }

    /// Keeps a part, all of which has come. When this returns, it survives a crash.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` when the upload takes no more parts or would be longer than
    /// announced.
    pub async fn add_part(&self, scope: &Scope, upload: &Id, came: Incoming) -> Result<PartRow> {
        scope.require(Role::Editor)?;
        let row = self.current(scope, upload).await?;
        require_pending(&row)?;
        let parts = self.records.upload_parts(scope, upload).await?;
        let size = i64::try_from(came.bytes()).unwrap_or(i64::MAX);
        // Parts that a client sent twice count twice; only those it names at the end matter.
        let held: i64 = parts.iter().map(|part| part.bytes).sum();
        let most = row.bytes.saturating_mul(2).saturating_add(1 << 20);
        if size > row.bytes || held.saturating_add(size) > most || parts.len() >= PARTS_MAX {
            return Err(Error::invalid(format!(
                "upload '{upload}' was announced with {} bytes; this part is more than fits",
                row.bytes
            ))
            .with_param("data"));
        }
        let landed = came.land().await?;
        let part = PartRow {
            id: landed.id.to_string(),
            bytes: landed.bytes,
            created_at: self.records.clock().now(),
        };
        let kept = self.records.insert_part(scope, upload, &part).await;
        if !matches!(kept, Ok(true)) {
            let _ = self.blobs.delete(&landed.path).await;
        }
        match kept? {
            true => Ok(part),
            false => Err(closed(&self.current(scope, upload).await?)),
        }
    }

    /// Makes the file out of the parts named, in that order. An upload that is complete is
    /// told as it is, so that a client may ask again.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` for parts that are not its own, for a wrong number of bytes
    /// and for a wrong checksum.
    pub async fn complete(
        &self,
        scope: &Scope,
        upload: &Id,
        part_ids: &[Id],
        md5: Option<&str>,
    ) -> Result<Upload> {
        scope.require(Role::Editor)?;
        let row = self.current(scope, upload).await?;
        if row.status == "completed" {
            return self.get(scope, upload).await;
        }
        require_pending(&row)?;
        let landed = self.join(scope, &row, part_ids, md5).await?.land().await?;
        let wish = FileWish {
            filename: row.filename.clone(),
            purpose: row.purpose.clone(),
            expires_after: row.file_seconds,
        };
        let file = wish.row(&landed, self.records.clock().now());
        let completed = self.records.complete_upload(scope, upload, &file).await;
        if !matches!(completed, Ok(true)) {
            let _ = self.blobs.delete(&landed.path).await;
        }
        completed?;
        // Perhaps another request completed it first; then its file counts.
        self.get(scope, upload).await
    }

    /// Gives an upload up; its parts go.
    ///
    /// # Errors
    /// `NotFound`, `Invalid` when it is complete or expired.
    pub async fn cancel(&self, scope: &Scope, upload: &Id) -> Result<Upload> {
        scope.require(Role::Editor)?;
        let row = self.current(scope, upload).await?;
        if row.status != "cancelled" {
            require_pending(&row)?;
            self.records.cancel_upload(scope, upload).await?;
        }
        self.get(scope, upload).await
    }

    /// An upload as it stands.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, upload: &Id) -> Result<Upload> {
        let row = self.current(scope, upload).await?;
        let file = match &row.file_id {
            Some(id) => Some(self.records.file(scope, &Id::from_raw(id.as_str())).await?),
            None => None,
        };
        Ok(Upload { row, file })
    }

    async fn current(&self, scope: &Scope, upload: &Id) -> Result<UploadRow> {
        let mut row = self.records.upload(scope, upload).await?;
        if row.status == "pending" && row.expires_at <= self.records.clock().now() {
            "expired".clone_into(&mut row.status);
        }
        Ok(row)
    }

    /// The parts one after the other, of which a piece at a time is in memory, if they are what was
    /// announced and have the checksum `md5`.
    async fn join(
        &self,
        scope: &Scope,
        row: &UploadRow,
        part_ids: &[Id],
        md5: Option<&str>,
    ) -> Result<Incoming> {
        let upload = Id::from_raw(row.id.as_str());
        let parts = self.records.upload_parts(scope, &upload).await?;
        let (mut size, mut wanted) = (0_i64, Vec::with_capacity(part_ids.len()));
        for (number, id) in part_ids.iter().enumerate() {
            let part = parts.iter().find(|part| part.id == id.as_str());
            let part = part.filter(|_| !part_ids[..number].contains(id)).ok_or_else(|| {
                Error::invalid(format!(
                    "part_ids[{number}] is '{id}'; name each part of upload '{upload}' once"
                ))
                .with_param("part_ids")
            })?;
            size = size.saturating_add(part.bytes);
            wanted.push((id, part.bytes.unsigned_abs()));
        }
        if size != row.bytes {
            return Err(Error::invalid(format!(
                "the parts have {size} bytes together and {} were announced",
                row.bytes
            ))
            .with_param("part_ids"));
        }
        let (mut whole, mut hash) = (incoming(scope, &self.blobs), md5.map(|_| Md5::new()));
        for (id, bytes) in wanted {
            let part = BlobPath::part(scope, &upload, id);
            let mut at = 0;
            while at < bytes {
                let piece = self.blobs.range(&part, at, PIECE.min(bytes - at)).await;
                // The record is there and the bytes are not: another request was faster.
                let piece = piece.map_err(|gone| match gone.kind() {
                    Kind::NotFound => closed(row),
                    _ => gone,
                })?;
                if let Some(hash) = &mut hash {
                    hash.update(&piece);
                }
                whole.write(&piece).await?;
                at += piece.len() as u64;
            }
        }
        if let Some((hash, expected)) = hash.zip(md5) {
            check_md5(&hex::encode(hash.finalize()), expected)?;
        }
        Ok(whole)
    }
}

fn too_large(filename: &str, limit: u64) -> Error {
    Error::new(
        Kind::TooLarge,
        format!(
            "'{filename}' is larger than the limit of {} MB for an upload in parts; split the \
             file, or raise `limits.upload_parts_bytes` in the configuration",
            limit >> 20
        ),
    )
    .with_param("bytes")
}

fn require_pending(row: &UploadRow) -> Result<()> {
    if row.status == "pending" { Ok(()) } else { Err(closed(row)) }
}

fn closed(row: &UploadRow) -> Error {
    Error::invalid(format!("upload '{}' is {}; begin a new one", row.id, row.status))
        .with_param("upload_id")
}

fn check_md5(found: &str, expected: &str) -> Result<()> {
    if found.eq_ignore_ascii_case(expected.trim()) {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "the MD5 of the parts is {found} and not {expected}; upload them again"
    ))
    .with_param("md5"))
}
