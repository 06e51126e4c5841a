//! What a caller sends and gets: requests, events, facts about a model.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::header::Header;
use crate::chat::TokenLogprob;

/// The text or the tokens to continue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Prompt {
    /// Rendered text; the model's special tokens in it are read as such, except
    /// where [`crate::gguf::Gguf::render_chat`] marked them as somebody's words.
    Text(String),
    /// Token ids of this model.
    Tokens(Vec<i32>),
}

/// How the next token is chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sampling {
    /// 0 takes the likeliest token always; 1 samples as the model says.
    pub temperature: f32,
    /// Samples among the likeliest tokens that together have this probability; 1 is off.
    pub top_p: f32,
    /// Samples among this many likeliest tokens; 0 is off.
    pub top_k: u32,
    /// The same seed gives the same choices; `None` takes a fresh one.
    pub seed: Option<u64>,
    /// Divides the logits of the last 64 tokens, prompt included; 1 is off.
    pub repetition_penalty: f32,
    /// Taken off a logit for each time the token was generated; 0 is off.
    pub frequency_penalty: f32,
    /// Taken off the logit of every token generated before; 0 is off.
    pub presence_penalty: f32,
}

impl Default for Sampling {
    fn default() -> Self {
        Self {
            temperature: 1.0,
            top_p: 1.0,
            top_k: 0,
            seed: None,
            repetition_penalty: 1.0,
            frequency_penalty: 0.0,
            presence_penalty: 0.0,
        }
    }
}

/// What every text of an answer must follow; tokens that would leave it are never chosen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Constraint {
    /// The rules.
    pub rules: Rules,
    /// The field of the request that asked for it, named where it cannot be followed.
    pub field: String,
}

/// The rules of a [`Constraint`], in the forms that llguidance reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rules {
    /// A JSON schema.
    JsonSchema(Value),
    /// A grammar in llguidance's variant of Lark's notation.
    Lark(String),
}

/// One request for a continuation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GenerateRequest {
    /// What to continue.
    pub prompt: Prompt,
    /// The most tokens to generate; `None` is the room left in the slot's context.
    pub max_tokens: Option<u32>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Texts that end the answer; they are not part of it.
    pub stop: Vec<String>,
    /// What the answer's text must follow.
    pub constraint: Option<Constraint>,
    /// With `Some(k)`, the log probability of every token and of the `k` likeliest.
    pub logprobs: Option<u8>,
    /// Goes on past the token that ends an answer, up to `max_tokens`.
    pub ignore_eos: bool,
    /// Whose request it is. Prompt caches are reused within one owner only, and
    /// waiting requests are taken in turns between owners.
    pub owner: String,
    /// A trace id for the log lines of this request, in both processes.
    pub trace: String,
}

impl GenerateRequest {
    /// A request of `owner` to continue `text`, with default sampling.
    pub fn new(owner: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            prompt: Prompt::Text(text.into()),
            max_tokens: None,
            sampling: Sampling::default(),
            stop: Vec::new(),
            constraint: None,
            logprobs: None,
            ignore_eos: false,
            owner: owner.into(),
            trace: String::new(),
        }
    }
}

/// Why an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// The model ended it, or a stop text came.
    Stop,
    /// `max_tokens` was reached.
    Length,
    /// The model calls tools.
    ToolCalls,
    /// A provider withheld the rest.
    ContentFilter,
}

impl FinishReason {
    /// The word OpenAI's `finish_reason` has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stop => "stop",
            Self::Length => "length",
            Self::ToolCalls => "tool_calls",
            Self::ContentFilter => "content_filter",
        }
    }
}

/// Where the time of a request went, in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// Waiting for a slot.
    pub queue_ms: f64,
    /// From the slot to the first token: reading the prompt.
    pub prompt_ms: f64,
    /// From the first token to the last.
    pub generate_ms: f64,
}

/// The end of an answer and what it took.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Done {
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Those of them that came from the cache.
    pub cached_tokens: u32,
    /// Tokens generated, the one that ended the answer included.
    pub completion_tokens: u32,
    /// Where the time went.
    pub timings: Timings,
}

/// What a [`crate::gguf::GenerateStream`] yields: `Started`, pieces of text, `Done`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The request has a slot.
    Started {
        /// Tokens of the prompt.
        prompt_tokens: u32,
        /// Those of them that come from the cache.
        cached_tokens: u32,
    },
    /// More text, always whole characters.
    Token {
        /// The text.
        text: String,
        /// Tokens generated so far.
        n: u32,
        /// The log probabilities of the text's tokens, if asked for.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        logprobs: Vec<TokenLogprob>,
    },
    /// The end; nothing follows.
    Done(Done),
}

/// What is known of a loaded model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// The name it was started under.
    pub name: String,
    /// The name inside the file, if it has one.
    pub title: Option<String>,
    /// SHA-256 of the file, as the caller gave it.
    pub sha256: String,
    /// The file.
    pub path: PathBuf,
    /// The architecture, such as `llama` or `qwen2`.
    pub architecture: String,
    /// Context length the model was trained with, in tokens.
    pub n_ctx_train: u32,
    /// Context of one slot, in tokens: prompt and answer together.
    pub context_tokens: u32,
    /// Requests answered at once.
    pub slots: u32,
    /// Tokens in the vocabulary.
    pub vocabulary: u32,
    /// The chat template in the file, if it has one.
    pub chat_template: Option<String>,
    /// Text of the token that begins a sequence; empty if there is none.
    pub bos: String,
    /// Text of the token that ends a sequence; empty if there is none.
    pub eos: String,
    /// Texts of the control tokens, which people's words must not be read as.
    pub control_tokens: Vec<String>,
    /// How it makes one vector of a text, for an encoder; `None` for what writes text.
    pub pooling: Option<Pooling>,
    /// Resident memory of the child after loading, in bytes.
    pub memory_bytes: u64,
    /// Time the loading took, in milliseconds.
    pub load_ms: f64,
}

/// How an encoder makes one vector of the vectors of a text's tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// Their mean.
    Mean,
    /// The first one.
    Cls,
    /// The last one.
    Last,
    /// One number: how well a document answers a query.
    Rank,
}

impl Pooling {
    /// What a checked file asks for; `None` for a file that writes text.
    pub(super) fn of(header: &Header) -> Option<Self> {
        match header.pooling {
            Some(1) => Some(Self::Mean),
            Some(2) => Some(Self::Cls),
            Some(3) => Some(Self::Last),
            Some(4) => Some(Self::Rank),
            // BERT and its kin cannot write, whether their file says how to pool or not.
            _ => header.architecture.contains("bert").then_some(Self::Mean),
        }
    }
}

/// What an encoder reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderInput {
    /// A text, of which it makes a vector.
    Text(String),
    /// A query and a document, of which it makes a number.
    Pair {
        /// What is asked.
        query: String,
        /// What may answer it.
        document: String,
    },
}

/// What an encoder made.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Encoded {
    /// For each input its vector, of length 1; with [`Pooling::Rank`] the model's bare number.
    pub vectors: Vec<Vec<f32>>,
    /// For each input the tokens that were read, special ones included.
    pub tokens: Vec<u32>,
}

/// A message of a chat, as chat templates read it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// `system`, `user`, `assistant` or `tool`.
    pub role: String,
    /// The text; empty for an assistant message that only calls tools.
    pub content: String,
    /// The author's or tool's name.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub name: Option<String>,
    /// Tool calls of an assistant message, in OpenAI's form.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tool_calls: Option<serde_json::Value>,
    /// The call a tool message answers.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub tool_call_id: Option<String>,
}

impl ChatMessage {
    /// A message with a role and a text.
    pub fn new(role: impl Into<String>, content: impl Into<String>) -> Self {
        Self { role: role.into(), content: content.into(), ..Self::default() }
    }
}
