//! What a version is and where it comes from, as the records keep it.

use cairn_kernel::{Error, Result, ResultExt as _};
use cairn_store::records::ModelVersionRow;
use serde::{Deserialize, Serialize};

/// What a version is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ModelKind {
    /// Tensors, from an ONNX file.
    Onnx,
    /// A language model in a GGUF file.
    Gguf,
    /// A model of a provider.
    Remote,
}

impl ModelKind {
    /// The name in the records and on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Onnx => "onnx",
            Self::Gguf => "gguf",
            Self::Remote => "remote",
        }
    }

    /// The kind of a version.
    ///
    /// # Errors
    /// `Internal` for a kind that this program does not know.
    pub fn of(row: &ModelVersionRow) -> Result<Self> {
        let all = [Self::Onnx, Self::Gguf, Self::Remote];
        all.into_iter().find(|kind| kind.name() == row.kind).ok_or_else(|| {
            Error::internal(format!(
                "version {} of model '{}' is of the unknown kind '{}'",
                row.version, row.name, row.kind
            ))
        })
    }
}

/// Where a version comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub(crate) struct Source {
    /// A file of the model store; without it, the tenant's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) asset: Option<String>,
    /// Whether the tenant's file is a LoRA adapter for that model of the store.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) adapter: bool,
    /// A provider of the configuration.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) provider: Option<String>,
    /// That provider's name for the model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Whether that provider computes tensors, and not chats.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) tensors: bool,
    /// Whether that provider's model makes vectors of texts, and answers no chats.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) embeddings: bool,
}

impl Source {
    pub(crate) fn read(row: &ModelVersionRow) -> Result<Self> {
        serde_json::from_str(&row.source).or_internal("reading where a model comes from")
    }

    pub(crate) fn written(&self) -> Result<String> {
        serde_json::to_string(self).or_internal("writing where a model comes from")
    }
}

/// Whether a version is asked in chats, and not with tensors.
///
/// # Errors
/// `Internal` for a record that this program does not understand.
pub fn chats(row: &ModelVersionRow) -> Result<bool> {
    Ok(match ModelKind::of(row)? {
        ModelKind::Onnx => false,
        ModelKind::Gguf => true,
        ModelKind::Remote => {
            let source = Source::read(row)?;
            !source.tensors && !source.embeddings
        }
    })
}

/// Whether a version is a provider's embedding model.
///
/// # Errors
/// `Internal` for a record that this program does not understand.
pub fn embeds(row: &ModelVersionRow) -> Result<bool> {
    Ok(ModelKind::of(row)? == ModelKind::Remote && Source::read(row)?.embeddings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_of_the_tenant_has_an_empty_source() {
        // The store takes files off and on the removal list by this text.
        assert_eq!(Source::default().written().unwrap(), "{}");
        let asset = Source { asset: Some("a".to_owned()), ..Source::default() };
        assert_eq!(asset.written().unwrap(), r#"{"asset":"a"}"#);
    }
}
