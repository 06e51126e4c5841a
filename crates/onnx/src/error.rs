//! What can be wrong with an ONNX file.

use thiserror::Error;

/// A result with [`OnnxError`].
pub type Result<T, E = OnnxError> = std::result::Result<T, E>;

/// Why a file is not read, or a tensor not interpreted.
#[derive(Debug, Error)]
pub enum OnnxError {
    /// The file is of another kind, which its first bytes tell.
    #[error("the file is no ONNX model, but {0}")]
    Foreign(&'static str),
    /// The bytes are not a protobuf message of the expected form.
    #[error("the file is not a readable ONNX model: {0}")]
    Decode(#[from] prost::DecodeError),
    /// The bytes end in the middle of a field, or a tag is not valid.
    #[error("the file is not a readable ONNX model: damaged at byte {0}")]
    Damaged(usize),
    /// The file, or what it declares, exceeds a limit.
    #[error("the ONNX model exceeds a limit: {0}")]
    Limit(String),
    /// The file contradicts itself or refers to a path outside its folder.
    #[error("the ONNX model is not valid: {0}")]
    Invalid(String),
}
