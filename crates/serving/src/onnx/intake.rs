//! What a model file goes through before any engine sees it.

use cairn_kernel::{Error, Kind, Result};
use cairn_onnx::{ModelProto, OnnxError};
use sha2::{Digest as _, Sha256};

use super::model::ModelIdentity;

/// The code of errors about a file that no engine should see.
pub(super) const INVALID_FILE: &str = "invalid_model_file";

/// Checks that the bytes are those that were registered, that they are an ONNX model,
/// and that what they claim is sane; gives the model and its hash.
///
/// # Errors
/// `Conflict` for other bytes, `Unprocessable` for a damaged or hostile file,
/// `Unsupported` for a file of another kind or with its weights elsewhere.
pub(super) fn take_in(bytes: &[u8], identity: &ModelIdentity) -> Result<(ModelProto, String)> {
    let found = hex::encode(Sha256::digest(bytes));
    if !found.eq_ignore_ascii_case(&identity.sha256) {
        return Err(Error::new(
            Kind::Conflict,
            format!(
                "the file of model '{}' version {} has the SHA-256 {found}, and {} was \
                 registered; it was changed or damaged",
                identity.name, identity.version, identity.sha256
            ),
        ));
    }
    let model = cairn_onnx::decode(bytes).map_err(|cause| {
        let kind = match cause {
            OnnxError::Foreign(_) => Kind::Unsupported,
            _ => Kind::Unprocessable,
        };
        let message = format!("model '{}': {cause}", identity.name);
        Error::new(kind, message).with_code(INVALID_FILE).with_source(cause)
    })?;
    if let Some(tensor) = cairn_onnx::external_tensor(&model) {
        return Err(Error::new(
            Kind::Unsupported,
            format!(
                "the weights '{}' of model '{}' are in a second file; save the model as one file",
                tensor.name(),
                identity.name
            ),
        )
        .with_code(INVALID_FILE));
    }
    Ok((model, found))
}
