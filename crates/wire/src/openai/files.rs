use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// An uploaded file.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FileObject {
    /// `file-…`
    pub id: String,
    /// Always `file`.
    pub object: &'static str,
    /// Its size.
    pub bytes: i64,
    /// When it was uploaded.
    pub created_at: i64,
    /// As the client called it.
    pub filename: String,
    /// `assistants` and so on.
    pub purpose: String,
    /// Always `processed`: the bytes are safe once the upload returns.
    pub status: &'static str,
    /// When it ends by itself.
    pub expires_at: Option<i64>,
    /// Our extra fields.
    pub cairn: FileExtra,
}

/// Our extra fields of a file.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct FileExtra {
    /// Whether it has an access list.
    pub restricted: bool,
}

/// When a file ends by itself.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileExpiry {
    /// Always `created_at`.
    pub anchor: String,
    /// Seconds after it, from an hour to 30 days.
    pub seconds: i64,
}

/// A file that was deleted for good.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Erased {
    /// What was deleted.
    pub id: String,
    /// `file` or `vector_store.deleted`.
    pub object: &'static str,
    /// Always true.
    pub deleted: bool,
    /// Our extra fields.
    pub cairn: ErasedExtra,
}

/// Where the certificate of a delete will be.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErasedExtra {
    /// The id under `/cairn/v1/erasures`.
    pub erasure: String,
    /// Of a vector store whose sources had brought files: what becomes of these.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_files: Option<SourceFiles>,
}

/// What becomes of the files that the sources of a deleted vector store had brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct SourceFiles {
    /// How many are deleted for good.
    pub deleted: usize,
    /// How many remain under `/v1/files`, and are not kept in step any more.
    pub left: usize,
}

/// What becomes of the files that the sources of a vector store brought, when it is deleted.
#[derive(Clone, Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct DeleteStore {
    /// `keep`, which is the default, or `delete`: those that no other store has go too.
    pub files: Option<String>,
}

/// The form of an upload.
#[derive(Clone, Debug, ToSchema)]
pub struct UploadForm {
    /// The bytes, with a file name.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
    /// `assistants`, `batch`, `fine-tune`, `vision`, `user_data` or `evals`.
    pub purpose: String,
    /// Only `created_at`.
    #[schema(rename = "expires_after[anchor]")]
    pub expires_anchor: Option<String>,
    /// Seconds after it, from an hour to 30 days.
    #[schema(rename = "expires_after[seconds]")]
    pub expires_seconds: Option<i64>,
}
