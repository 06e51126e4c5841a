use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{FileExpiry, FileObject};

/// A file that will come in parts.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateUpload {
    /// Its size.
    pub bytes: i64,
    /// Its name.
    pub filename: String,
    /// As for files.
    pub purpose: String,
    /// What it is; files are told by their content here, so this decides nothing.
    pub mime_type: Option<String>,
    /// When the file ends by itself.
    pub expires_after: Option<FileExpiry>,
}

/// An upload.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UploadObject {
    /// `upload_…`
    pub id: String,
    /// Always `upload`.
    pub object: &'static str,
    /// The size that was announced.
    pub bytes: i64,
    /// When it was begun.
    pub created_at: i64,
    /// When it must be complete: an hour later.
    pub expires_at: i64,
    /// The file's name.
    pub filename: String,
    /// The file's purpose.
    pub purpose: String,
    /// `pending`, `completed`, `cancelled` or `expired`.
    pub status: String,
    /// The file, once the upload is complete.
    pub file: Option<FileObject>,
}

/// The form of a part.
#[derive(Clone, Debug, ToSchema)]
pub struct PartForm {
    /// Up to 64 MiB.
    #[schema(value_type = String, format = Binary)]
    pub data: Vec<u8>,
}

/// A part of an upload.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct UploadPart {
    /// `part_…`
    pub id: String,
    /// Always `upload.part`.
    pub object: &'static str,
    /// When it came.
    pub created_at: i64,
    /// The upload.
    pub upload_id: String,
}

/// The end of an upload.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CompleteUpload {
    /// The parts in order, each once.
    pub part_ids: Vec<String>,
    /// MD5 of the whole, hex, to be checked.
    pub md5: Option<String>,
}
