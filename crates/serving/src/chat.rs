//! Chat as every language model here does it, wherever it runs: the request, the
//! events of an answer, and the seam [`ChatModel`] that a local GGUF file and a
//! remote endpoint both stand behind.
//!
//! The shapes follow OpenAI's chat completions, without its wire.

use async_trait::async_trait;
use cairn_kernel::Result;
use futures::stream::BoxStream;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::gguf::{ChatMessage, FinishReason, Sampling};

/// A chat to continue.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatRequest {
    /// The turns so far; never empty.
    pub messages: Vec<ChatMessage>,
    /// Functions the model may call.
    pub tools: Vec<Tool>,
    /// Whether it may, must, or must not call one.
    pub tool_choice: ToolChoice,
    /// Whether one answer may hold several calls.
    pub parallel_tool_calls: bool,
    /// What the text must look like.
    pub format: TextFormat,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Most tokens of each choice; `None` is the room left in the context.
    pub max_tokens: Option<u32>,
    /// Texts that end an answer; they are not part of it.
    pub stop: Vec<String>,
    /// With `Some(k)`, the log probability of every token and of the `k` likeliest
    /// in its place (0 to 20).
    pub logprobs: Option<u8>,
    /// How many answers to write; 1 at least.
    pub choices: u32,
    /// Goes on past the token that ends an answer, up to `max_tokens`.
    pub ignore_eos: bool,
    /// Whose request it is: caches are shared within one owner only, and waiting
    /// requests are taken in turns between owners.
    pub owner: String,
    /// What keeps its version of the model from request to request, such as a user or a
    /// session; without it, the request's id stands for it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sticky: Option<String>,
    /// The request's id, for the logs of every process it passes.
    pub trace: String,
}

/// A function a model may call, as OpenAI describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tool {
    /// Its name.
    pub name: String,
    /// What it is for.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub description: Option<String>,
    /// JSON schema of its arguments; an object schema.
    pub parameters: Value,
    /// Whether arguments must follow the schema to the letter.
    #[serde(default)]
    pub strict: bool,
}

/// Whether tools are called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolChoice {
    /// As the model likes.
    #[default]
    Auto,
    /// None may be called.
    None,
    /// One at least must be called.
    Required,
    /// This one must be called.
    Function(String),
}

/// What an answer's text must look like.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TextFormat {
    /// Anything.
    #[default]
    Text,
    /// Some JSON object.
    JsonObject,
    /// JSON that this schema accepts.
    JsonSchema {
        /// The schema's name, which some providers ask for.
        name: String,
        /// The schema.
        schema: Value,
    },
    /// Text that this regular expression matches as a whole.
    Regex(String),
    /// One of these texts.
    Choice(Vec<String>),
    /// Text of this grammar, in Lark's notation.
    Grammar(String),
}

/// What an answer yields: `Started`, deltas of its choices, `Finished` for each
/// choice, `Done`.
#[derive(Clone, Debug, PartialEq)]
pub enum ChatEvent {
    /// The model begins.
    Started {
        /// Tokens of the prompt, 0 where the provider does not say yet.
        prompt_tokens: u32,
        /// Those of them that came from a cache.
        cached_tokens: u32,
    },
    /// More text.
    Text {
        /// Which choice.
        choice: u32,
        /// The text, always whole characters.
        text: String,
        /// Its tokens' log probabilities, if asked for.
        logprobs: Vec<TokenLogprob>,
    },
    /// A tool call begins.
    ToolCall {
        /// Which choice.
        choice: u32,
        /// Which call of the choice, from 0.
        index: u32,
        /// `call_…`
        id: String,
        /// The function.
        name: String,
    },
    /// More of a call's arguments, which together are one JSON text.
    ToolArguments {
        /// Which choice.
        choice: u32,
        /// Which call of the choice.
        index: u32,
        /// The piece.
        text: String,
    },
    /// A choice is complete.
    Finished {
        /// Which choice.
        choice: u32,
        /// Why it ended.
        reason: FinishReason,
    },
    /// The end; nothing follows.
    Done(ChatUsage),
}

/// A token, how likely it was, and what else could have stood there.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token's text; U+FFFD where its bytes are not whole characters.
    pub token: String,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Natural logarithm of its probability, before temperature and penalties.
    pub logprob: f32,
    /// The likeliest tokens in this place, in falling order.
    pub top: Vec<(String, Vec<u8>, f32)>,
}

/// What an answer took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatUsage {
    /// Tokens read.
    pub prompt_tokens: u32,
    /// Those of them from a cache.
    pub cached_tokens: u32,
    /// Tokens written, of all choices.
    pub completion_tokens: u32,
}

/// The events of an answer. Dropping it cancels the work and frees what it holds.
pub type ChatStream = BoxStream<'static, Result<ChatEvent>>;

/// A language model that can be asked, wherever it runs.
#[async_trait]
pub trait ChatModel: Send + Sync {
    /// The name it answers under.
    fn name(&self) -> &str;

    /// What exactly answers: the SHA-256 of a file, or provider and model of a
    /// remote endpoint. It stands in every answer's provenance.
    fn identity(&self) -> &str;

    /// Whether it runs on this machine. Sampling that helps small local models, and that
    /// providers refuse, is added for local ones only.
    fn is_local(&self) -> bool {
        !self.identity().contains('/')
    }

    /// Tokens of prompt and answer together, where it is known.
    fn context_tokens(&self) -> Option<u32>;

    /// How many tokens it reads for these messages, its template included; `None` where only
    /// its provider can count them.
    ///
    /// # Errors
    /// `Invalid` when its template rejects the messages, `Unavailable` when it cannot be asked.
    async fn prompt_tokens(&self, messages: &[ChatMessage]) -> Result<Option<usize>> {
        let _ = messages;
        Ok(None)
    }

    /// Continues a chat.
    ///
    /// # Errors
    /// `Invalid`, naming the field, for what the model cannot do; `Unavailable` when
    /// it cannot be reached or restarts; `RateLimited` and `Timeout` as the endpoint
    /// says. A prompt over the context is `context_length_exceeded`.
    async fn chat(&self, request: ChatRequest) -> Result<ChatStream>;
}
