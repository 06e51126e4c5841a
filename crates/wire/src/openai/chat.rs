use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A chat to continue.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ChatCompletionRequest {
    /// The model, `cairn` for the default one, or `store/NAME` or `store/ID` for the documents of a
    /// vector store.
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
    /// Samples among this many likeliest tokens; 0 and -1 are off (as at vLLM).
    pub top_k: Option<i64>,
    /// Most tokens to write (old name).
    pub max_tokens: Option<u32>,
    /// Most tokens of each choice.
    pub max_completion_tokens: Option<u32>,
    /// Texts that end the answer.
    pub stop: Option<super::OneOrMany>,
    /// The same seed gives the same choices.
    pub seed: Option<u64>,
    /// -2 to 2.
    pub frequency_penalty: Option<f32>,
    /// -2 to 2.
    pub presence_penalty: Option<f32>,
    /// Above 1 discourages repeating (as at vLLM).
    pub repetition_penalty: Option<f32>,
    /// How many answers to write.
    pub n: Option<u32>,
    /// Whether to say how likely each token was.
    pub logprobs: Option<bool>,
    /// How many of the likeliest tokens to name in each place, 0 to 20.
    pub top_logprobs: Option<u8>,
    /// `{"type":"text"}`, `{"type":"json_object"}`, or
    /// `{"type":"json_schema","json_schema":{"name":…,"schema":…}}`.
    pub response_format: Option<Value>,
    /// Functions the model may call.
    pub tools: Option<Vec<ToolDefinition>>,
    /// `auto`, `none`, `required`, or `{"type":"function","function":{"name":…}}`.
    pub tool_choice: Option<Value>,
    /// Whether one answer may hold several calls; it may by default.
    pub parallel_tool_calls: Option<bool>,
    /// Goes on past the token that ends an answer (as at vLLM).
    pub ignore_eos: Option<bool>,
    /// One of `json`, `regex`, `choice`, `grammar` (Lark) and `json_object` (as at vLLM).
    pub structured_outputs: Option<Value>,
    /// A JSON schema the answer must fit (as at vLLM).
    pub guided_json: Option<Value>,
    /// A regular expression the whole answer must match (as at vLLM).
    pub guided_regex: Option<String>,
    /// The texts of which the answer must be one (as at vLLM).
    pub guided_choice: Option<Vec<String>>,
    /// A grammar in Lark's notation that the answer must follow (as at vLLM).
    pub guided_grammar: Option<String>,
    /// Our options, where the model is a store.
    pub cairn: Option<ChatSearch>,
    /// All other fields: refused by name, unless they change nothing.
    #[serde(flatten)]
    #[schema(ignore)]
    pub rest: BTreeMap<String, Value>,
}

/// How the documents of a store are asked in a chat.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChatSearch {
    /// The language model that writes; the default one when absent.
    pub model: Option<String>,
    /// OpenAI's comparison and compound filters.
    pub filters: Option<Value>,
    /// 1 to 50, 10 by default.
    pub max_num_results: Option<usize>,
    /// Ranking.
    pub ranking_options: Option<super::RankingOptions>,
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
    /// `system`, `developer`, `user`, `assistant` or `tool`.
    pub role: String,
    /// A text, or a list of text parts and, of users, files: `{"type":"file","file":{"file_id":…}}`,
    /// or with `filename` and `file_data`; null where an assistant only calls tools.
    pub content: Option<Value>,
    /// The author's name.
    pub name: Option<String>,
    /// The calls of an assistant.
    pub tool_calls: Option<Vec<ToolCall>>,
    /// The call that a tool answers.
    pub tool_call_id: Option<String>,
}

/// A tool that may be called.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ToolDefinition {
    /// Always `function`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The function.
    pub function: Option<FunctionDefinition>,
}

/// A function that may be called.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct FunctionDefinition {
    /// Its name: letters, digits, `_` and `-`, up to 64.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// JSON schema of its arguments; none by default.
    pub parameters: Option<Value>,
    /// Arguments always follow the schema here.
    pub strict: Option<bool>,
}

/// A call of a tool.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ToolCall {
    /// `call_…`
    pub id: String,
    /// Always `function`.
    #[serde(rename = "type", default = "function")]
    pub kind: String,
    /// What is called.
    pub function: FunctionCall,
}

fn function() -> String {
    "function".to_owned()
}

/// A function and its arguments.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FunctionCall {
    /// Its name.
    pub name: String,
    /// A JSON object, as text.
    pub arguments: String,
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
    /// As many as asked for.
    pub choices: Vec<ChatChoice>,
    /// Tokens.
    pub usage: ChatUsage,
}

/// A choice.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChatChoice {
    /// From 0.
    pub index: u32,
    /// What was written.
    pub message: AssistantMessage,
    /// `stop`, `length`, `tool_calls` or `content_filter`.
    pub finish_reason: String,
    /// If asked for.
    pub logprobs: Option<ChoiceLogprobs>,
}

/// What was written.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct AssistantMessage {
    /// Always `assistant`.
    pub role: &'static str,
    /// The text; null where only tools are called, and beside a refusal.
    pub content: Option<String>,
    /// What is said in place of JSON over documents that do not give it; else null.
    pub refusal: Option<String>,
    /// The calls, if any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tool_calls: Option<Vec<ToolCall>>,
    /// What an answer over documents cites.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Vec<super::FileCitation>>,
    /// Our extra fields of an answer over documents.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cairn: Option<ChatExtra>,
}

/// Our extra fields of an answer over documents in a chat.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ChatExtra {
    /// The model that wrote, or `cairn` for an extractive answer.
    pub model: String,
    /// The same as in a response.
    #[serde(flatten)]
    pub answer: super::ResponseExtra,
}

/// How likely the tokens of a choice were.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ChoiceLogprobs {
    /// One entry for each token of the text.
    pub content: Vec<TokenLogprobs>,
    /// Always null.
    pub refusal: Option<Vec<TokenLogprobs>>,
}

/// How likely a token was, and what else could have stood there.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TokenLogprobs {
    /// The token's text.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The likeliest in this place.
    pub top_logprobs: Vec<TopLogprob>,
}

/// A token that could have stood in a place.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TopLogprob {
    /// The token's text.
    pub token: String,
    /// Natural logarithm of its probability.
    pub logprob: f32,
    /// Its bytes.
    pub bytes: Vec<u8>,
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
    /// Which choice.
    pub index: u32,
    /// What is new.
    pub delta: Delta,
    /// How likely the new text was, if asked for.
    pub logprobs: Option<ChoiceLogprobs>,
    /// `stop`, `length`, `tool_calls` or `content_filter` at the end.
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
    /// What is said in place of JSON over documents that do not give it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<String>,
    /// What an answer over documents cites, in the piece behind its text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Vec<super::FileCitation>>,
    /// Our extra fields of an answer over documents, in the same piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cairn: Option<ChatExtra>,
    /// More of the calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<ToolCallDelta>,
}

/// A piece of a call.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct ToolCallDelta {
    /// Which call of the choice.
    pub index: u32,
    /// In a call's first piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// In a call's first piece: `function`.
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<&'static str>,
    /// What is new of the call.
    pub function: FunctionDelta,
}

/// What is new of a call.
#[derive(Clone, Debug, Default, Serialize, ToSchema)]
pub struct FunctionDelta {
    /// In a call's first piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// More of the arguments' text.
    pub arguments: String,
}

/// Tokens of a chat.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ChatUsage {
    /// Read.
    pub prompt_tokens: u32,
    /// Written, in all choices.
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
