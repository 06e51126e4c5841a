use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Texts to embed.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EmbeddingsRequest {
    /// The embedding model.
    pub model: String,
    /// One text or many.
    #[schema(value_type = Object)]
    pub input: Value,
    /// `float` or `base64` (little-endian `f32`); `float` by default.
    pub encoding_format: Option<String>,
    /// Only the model's own.
    pub dimensions: Option<usize>,
    /// Accepted; it changes nothing.
    pub user: Option<String>,
    /// Cairn's: `query` or `document`, for a model that was registered with prefixes. Without it
    /// texts are read as they are.
    pub input_type: Option<String>,
}

/// Embedded texts.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct EmbeddingsResponse {
    /// Always `list`.
    pub object: &'static str,
    /// In the order of the input.
    pub data: Vec<Embedding>,
    /// The model.
    pub model: String,
    /// Tokens.
    pub usage: EmbeddingsUsage,
}

/// One embedding.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Embedding {
    /// Always `embedding`.
    pub object: &'static str,
    /// Position in the input.
    pub index: usize,
    /// Numbers or base64.
    #[schema(value_type = Object)]
    pub embedding: Value,
}

/// Tokens of an embeddings request.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct EmbeddingsUsage {
    /// Read.
    pub prompt_tokens: usize,
    /// The same.
    pub total_tokens: usize,
}
