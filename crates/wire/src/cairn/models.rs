//! Models, their versions and aliases.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// A model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CairnModel {
    /// Its name.
    pub name: String,
    /// Always `model`.
    pub object: &'static str,
    /// `tabular` (trained here), `tensor`, `llm` or `embedding`.
    pub kind: &'static str,
    /// What the serving version is: `onnx`, `gguf` or `remote`.
    pub runtime: &'static str,
    /// `ready`, `loading`, `unloaded` or `failed`.
    pub state: String,
    /// Why it is not ready.
    pub reason: Option<String>,
    /// The version that serves.
    pub deployed_version: Option<i64>,
    /// Aliases and the versions they name.
    pub aliases: BTreeMap<String, i64>,
    /// All versions, newest first.
    pub versions: Vec<CairnModelVersion>,
    /// What it takes.
    #[schema(value_type = Object)]
    pub inputs: Value,
    /// What it gives.
    #[schema(value_type = Object)]
    pub outputs: Value,
}

/// A version of a model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CairnModelVersion {
    /// From 1.
    pub version: i64,
    /// `onnx`, `gguf` or `remote`.
    pub kind: String,
    /// Where it comes from: empty for a file of the tenant, else the `asset` of the model
    /// store, or `provider` and `model`.
    #[schema(value_type = Object)]
    pub source: Value,
    /// SHA-256 of its file; empty for a remote one.
    pub sha256: String,
    /// Size of its file; 0 for a remote one.
    pub bytes: i64,
    /// When it was registered.
    pub created_at: i64,
    /// The run that made it.
    pub training_run: Option<String>,
    /// What an embedding model reads in front of a query.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub query_prefix: Option<String>,
    /// What it reads in front of a document's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document_prefix: Option<String>,
    /// Task, target, metrics, dataset; of an embedding model its `pooling` or `dimensions`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    pub metadata: Map<String, Value>,
}

/// A version to deploy.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct Deploy {
    /// The version.
    pub version: i64,
}

/// A version to register that is no file: an ONNX or GGUF file is sent as a multipart form
/// with the part `file` instead, an embedding model's with `query_prefix`, `document_prefix` and
/// `pooling` (`mean`, `cls`, `last`) where it needs them.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum NewModelVersion {
    /// A language model of the model store.
    Gguf {
        /// Its name there, as `cairn models list` shows it.
        asset: String,
    },
    /// A model of a provider that the operator's configuration names.
    Remote {
        /// The provider.
        provider: String,
        /// The provider's name for the model.
        model: String,
        /// Whether it makes vectors of texts (OpenAI's `/v1/embeddings`), and answers no chats.
        #[serde(default)]
        embeddings: bool,
        /// The length of its vectors, where it can make several.
        #[serde(default)]
        dimensions: Option<u32>,
        /// What it reads in front of a query, white space and all.
        #[serde(default)]
        query_prefix: Option<String>,
        /// What it reads in front of a document's text.
        #[serde(default)]
        document_prefix: Option<String>,
    },
}

/// The version an alias names.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetAlias {
    /// The version.
    pub version: i64,
}
