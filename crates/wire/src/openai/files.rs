use serde::Serialize;
use utoipa::ToSchema;

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
}

/// The form of an upload.
#[derive(Clone, Debug, ToSchema)]
pub struct UploadForm {
    /// The bytes, with a file name.
    #[schema(value_type = String, format = Binary)]
    pub file: Vec<u8>,
    /// `assistants`, `batch`, `fine-tune`, `vision`, `user_data` or `evals`.
    pub purpose: String,
}
