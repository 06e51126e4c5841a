use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A chat to continue.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ChatCompletionRequest {
    /// The model, or `cairn` for the default one.
    pub model: String,
    /// The turns so far.
    pub messages: Vec<ChatTurn>,
    /// Server-sent events instead of one object.
    #[serde(default)]
    pub stream: bool,
    /// Usage at the end of a stream.
    pub stream_options: Option<StreamOptions>,
    /// 0 to 2.
    pub temperature: Option<f32>,
    /// 0 to 1.
    pub top_p: Option<f32>,
    /// Most tokens to write (old name).
    pub max_tokens: Option<u32>,
    /// Most tokens to write.
    pub max_completion_tokens: Option<u32>,
    /// Texts that end the answer.
    pub stop: Option<super::OneOrMany>,
    /// The same seed gives the same choices.
    pub seed: Option<u64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// -2 to 2.
    pub presence_penalty: Option<f32>,
    /// Only 1.
    pub n: Option<u32>,
    /// Not supported; named to be refused.
    pub logprobs: Option<bool>,
    /// Only `{"type":"text"}`.
    pub response_format: Option<Value>,
    /// Not supported; named to be refused.
    pub tools: Option<Value>,
    /// All other fields: refused by name, unless they change nothing.
    #[serde(flatten)]
    #[schema(ignore)]
    pub rest: BTreeMap<String, Value>,
}

/// Options of a stream.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct StreamOptions {
    /// Whether the last chunk carries the usage.
    #[serde(default)]
    pub include_usage: bool,
}

/// A turn.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ChatTurn {
    /// `system`, `developer`, `user` or `assistant`.
    pub role: String,
    /// A text, or a list of text parts.
    pub content: Option<Value>,
    /// The author's name.
    pub name: Option<String>,
    /// Not supported; named to be refused.
    pub tool_calls: Option<Value>,
}

/// A continued chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChatCompletion {
    /// `chatcmpl-…`
    pub id: String,
    /// Always `chat.completion`.
    pub object: &'static str,
    /// When.
    pub created: i64,
    /// The model that wrote.
    pub model: String,
    /// One choice.
    pub choices: Vec<ChatChoice>,
    /// Tokens.
    pub usage: ChatUsage,
}

/// A choice.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChatChoice {
    /// Always 0.
    pub index: u32,
    /// What was written.
    pub message: AssistantMessage,
    /// `stop` or `length`.
    pub finish_reason: String,
    /// Always null.
    pub logprobs: Option<Value>,
}

/// What was written.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssistantMessage {
    /// Always `assistant`.
    pub role: &'static str,
    /// The text.
    pub content: String,
    /// Always null.
    pub refusal: Option<String>,
}

/// A piece of a streamed chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChatCompletionChunk {
    /// The same in all pieces.
    pub id: String,
    /// Always `chat.completion.chunk`.
    pub object: &'static str,
    /// When.
    pub created: i64,
    /// The model that writes.
    pub model: String,
    /// One choice, none in the last piece.
    pub choices: Vec<ChunkChoice>,
    /// In the last piece, if asked for.
    pub usage: Option<ChatUsage>,
}

/// A piece of a choice.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChunkChoice {
    /// Always 0.
    pub index: u32,
    /// What is new.
    pub delta: Delta,
    /// `stop` or `length` at the end.
    pub finish_reason: Option<String>,
}

/// What is new.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct Delta {
    /// In the first piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<&'static str>,
    /// More text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
}

/// Tokens of a chat.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ChatUsage {
    /// Read.
    pub prompt_tokens: u32,
    /// Written.
    pub completion_tokens: u32,
    /// Both.
    pub total_tokens: u32,
    /// Of the prompt.
    pub prompt_tokens_details: CachedTokens,
}

/// Tokens that were not computed again.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct CachedTokens {
    /// From the prompt cache.
    pub cached_tokens: u32,
}

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
