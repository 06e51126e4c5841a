use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A question, with tools.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct ResponseRequest {
    /// The model, or `cairn` for the default one.
    pub model: Option<String>,
    /// A text, or items with roles. A user's message may have files: `{"type":"input_file",
    /// "file_id":…}`, or with `filename` and `file_data`, a data URL.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub input: Value,
    /// For the writer.
    pub instructions: Option<String>,
    /// A `file_search` tool, and up to 128 functions: `{"type":"function","name":…,
    /// "description":…,"parameters":…,"strict":…}`.
    #[serde(default)]
    pub tools: Vec<Value>,
    /// `auto`, `none`, `required`, `{"type":"file_search"}`, `{"type":"function","name":…}`, or
    /// `{"type":"allowed_tools","mode":…,"tools":…}`.
    pub tool_choice: Option<Value>,
    /// `file_search_call.results`, and `cairn.provenance` for how the answer came about. What
    /// OpenAI names of items that no answer here has is taken, and noted.
    pub include: Option<Vec<String>>,
    /// Server-sent events instead of one object.
    #[serde(default)]
    pub stream: bool,
    /// Whether it is kept; true by default.
    pub store: Option<bool>,
    /// The turn before.
    pub previous_response_id: Option<String>,
    /// Most tokens to write.
    pub max_output_tokens: Option<u32>,
    /// 0 to 2; by default 0 for answers over files, 1 for others.
    pub temperature: Option<f64>,
    /// 0 to 1.
    pub top_p: Option<f64>,
    /// Up to 16 strings.
    pub metadata: Option<BTreeMap<String, String>>,
    /// `format`: `text`, `json_object` or `json_schema`. `verbosity` has no effect, which is noted.
    pub text: Option<Value>,
    /// Answers at once and goes on without the client; it asks again by the id.
    pub background: Option<bool>,
    /// The conversation it belongs to: an id, or an object with one.
    pub conversation: Option<Value>,
    /// All other fields: refused by name, unless they change nothing.
    #[serde(flatten)]
    #[schema(ignore)]
    pub rest: BTreeMap<String, Value>,
}

/// A search over vector stores before the answer; functions may stand beside it.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FileSearchTool {
    /// Always `file_search`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The stores to search, up to 16.
    pub vector_store_ids: Vec<String>,
    /// OpenAI's comparison and compound filters.
    pub filters: Option<Value>,
    /// 1 to 50, 10 by default.
    pub max_num_results: Option<usize>,
    /// Ranking.
    pub ranking_options: Option<super::RankingOptions>,
    /// Our options.
    pub cairn: Option<super::SearchOptions>,
}

/// An answer. `output` has the `file_search_call` and `message` items, or the `function_call` items
/// of functions that are to be called.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Response {
    /// `resp_…`
    pub id: String,
    /// Always `response`.
    pub object: &'static str,
    /// When it was asked for.
    pub created_at: i64,
    /// `queued`, `in_progress`, `completed`, `incomplete`, `failed` or `cancelled`.
    pub status: &'static str,
    /// Why a background response failed; others fail with an HTTP error or an `error` event.
    pub error: Option<Value>,
    /// Why it is incomplete.
    pub incomplete_details: Option<Value>,
    /// As asked.
    pub instructions: Option<String>,
    /// As asked.
    pub max_output_tokens: Option<u32>,
    /// The model that wrote, or `cairn` for an extractive answer.
    pub model: String,
    /// What came of it.
    #[schema(value_type = Vec<Object>)]
    pub output: Vec<Value>,
    /// Whether the answer may hold several calls of functions; false where none are offered.
    pub parallel_tool_calls: bool,
    /// As asked.
    pub previous_response_id: Option<String>,
    /// The conversation it belongs to.
    pub conversation: Option<super::ConversationRef>,
    /// As asked.
    pub temperature: f64,
    /// As asked.
    pub top_p: f64,
    /// As asked.
    #[schema(value_type = Object)]
    pub tool_choice: Value,
    /// As asked.
    #[schema(value_type = Vec<Object>)]
    pub tools: Vec<Value>,
    /// `auto` where the oldest turns of a conversation are left out when the model has no room
    /// for them, `disabled` where such a request is refused.
    pub truncation: &'static str,
    /// The format of the text, as asked.
    #[schema(value_type = Object)]
    pub text: Value,
    /// As asked.
    pub background: bool,
    /// Always `default`.
    pub service_tier: &'static str,
    /// As kept or not.
    pub store: bool,
    /// Always 0.
    pub presence_penalty: f64,
    /// Always 0.
    pub frequency_penalty: f64,
    /// Always 0.
    pub top_logprobs: u32,
    /// Tokens, at the end.
    pub usage: Option<ResponseUsage>,
    /// As asked.
    pub metadata: BTreeMap<String, String>,
    /// Our extra fields, at the end.
    pub cairn: Option<ResponseExtra>,
}

/// A conversation to be told in fewer words.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct CompactRequest {
    /// Of no account here: no model is asked.
    pub model: Option<String>,
    /// A text, or items with roles.
    #[serde(default)]
    #[schema(value_type = Object)]
    pub input: Value,
    /// For the writer, in front of all.
    pub instructions: Option<String>,
    /// The last answer of the conversation.
    pub previous_response_id: Option<String>,
    /// All other fields: refused by name, unless they change nothing.
    #[serde(flatten)]
    #[schema(ignore)]
    pub rest: BTreeMap<String, Value>,
}

/// A conversation in fewer words. It is kept as an answer is: by its id it can be read, followed
/// (as `previous_response_id`) and deleted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Compaction {
    /// `resp_…`
    pub id: String,
    /// Always `response.compaction`.
    pub object: &'static str,
    /// When it was asked for.
    pub created_at: i64,
    /// What users said, and one item of type `compaction` that stands for the answers.
    #[schema(value_type = Vec<Object>)]
    pub output: Vec<Value>,
    /// Nothing: no model is asked.
    pub usage: ResponseUsage,
}

/// Tokens of an answer.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct ResponseUsage {
    /// Read.
    pub input_tokens: u32,
    /// Of those.
    pub input_tokens_details: InputTokensDetails,
    /// Written.
    pub output_tokens: u32,
    /// Of those.
    pub output_tokens_details: OutputTokensDetails,
    /// Both.
    pub total_tokens: u32,
}

/// Of the tokens read.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct InputTokensDetails {
    /// From the prompt cache.
    pub cached_tokens: u32,
    /// Always 0.
    pub cache_write_tokens: u32,
}

/// Of the tokens written.
#[derive(Clone, Copy, Debug, Default, Serialize, ToSchema)]
pub struct OutputTokensDetails {
    /// Always 0.
    pub reasoning_tokens: u32,
}

/// Provenance of an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ResponseExtra {
    /// Whether the question was not answered.
    pub refused: bool,
    /// Why not.
    pub reason: Option<String>,
    /// `generative` or `extractive`.
    pub mode: &'static str,
    /// 0 to 1: how well the passages cover the question; absent without a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confidence: Option<f64>,
    /// How sure it had to be: the threshold of the stores; absent without a search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub threshold: Option<f64>,
    /// How likely the model finds the answer in what it was shown, 0 to 1; absent where it was
    /// not asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assent: Option<f64>,
    /// Cosine of the closest passage.
    pub similarity: Option<f64>,
    /// Share of the question's content words in one passage, rare words weighing more.
    pub coverage: Option<f64>,
    /// Where the time went.
    pub milliseconds: ResponseTimes,
    /// SHA-256 of the model that wrote.
    pub model_sha256: Option<String>,
    /// Position of the index it was answered from.
    pub index_position: i64,
    /// Turns of the conversation, from its beginning, that the model's context had no room for.
    #[serde(skip_serializing_if = "is_none_left_out")]
    pub turns_left_out: usize,
    /// Sentences of the answer, of one in JSON texts and numbers, without support, as character
    /// ranges.
    pub unsupported: Vec<CharRange>,
    /// The nearest passages of a refused question.
    pub nearest: Vec<super::SearchResult>,
    /// What each step of the search took, where that was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub took: Option<super::SearchTook>,
    /// How it came about, where that was asked for: models, prompt, sampling, retrieval, passages.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    pub provenance: Option<Value>,
    /// The passages that it was made from.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub passages: Vec<PassageExtra>,
    /// Links to hosts that are not allowed, which were taken out of the text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stripped_links: Vec<StrippedLink>,
    /// What of the request had no effect on the answer, and why; and where an answer to which
    /// documents were offered was made without them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

fn is_none_left_out(turns: &usize) -> bool {
    *turns == 0
}

/// A passage that an answer was made from.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct PassageExtra {
    /// The chunk.
    pub chunk_id: String,
    /// The file.
    pub file_id: String,
    /// What in it looks like instructions to the model; null for nothing.
    pub suspicious: Option<Suspicious>,
}

/// What in a passage looks like instructions to the model.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Suspicious {
    /// 0 to 1: how much its worst sentence does.
    pub score: f64,
    /// 0 to 1: share of the passage in sentences that do.
    pub share: f64,
    /// What gave them away: `override`, `role_marker`, `tool_call`, `hidden_text`, `wording`.
    pub signals: Vec<String>,
    /// Sentences that were not put to the model.
    pub removed: usize,
}

/// A link that was taken out of an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StrippedLink {
    /// `link`, `image` or `html`.
    pub kind: &'static str,
    /// Where it led, as the model wrote it; empty for a reference without a destination.
    pub url: String,
    /// What remains of it in the text.
    pub text: String,
}

/// Where the time went, in milliseconds.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ResponseTimes {
    /// Embedding the question and searching.
    pub search: f64,
    /// Writing and citing.
    pub generate: f64,
    /// From the request to the end.
    pub total: f64,
}

/// Characters of a text.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct CharRange {
    /// The first.
    pub start: usize,
    /// One past the last.
    pub end: usize,
}

/// A citation of a file in an answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FileCitation {
    /// Always `file_citation`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// Character of the answer it stands behind.
    pub index: usize,
    /// The file.
    pub file_id: String,
    /// Its name.
    pub filename: String,
    /// Our extra fields.
    pub cairn: CitationExtra,
}

/// What makes a citation checkable.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct CitationExtra {
    /// SHA-256 of the file's bytes, hex: another one is another version.
    pub file_sha256: String,
    /// Words of the document, exactly.
    pub quote: String,
    /// Page that the quote begins on, from 1.
    pub page: Option<i64>,
    /// Path of the headings above the quote.
    pub heading: Option<String>,
    /// Characters of the quote in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
    /// Where the lines that hold it stand on their pages, in the text's order; absent where that
    /// is not known.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub boxes: Vec<PageBox>,
    /// The chunk.
    pub chunk_id: String,
    /// Characters of the sentence in the answer, of JSON those of the value.
    pub sentence_start: usize,
    /// One past its last character.
    pub sentence_end: usize,
    /// Share of the sentence's content words in the quote.
    pub support: f64,
    /// Whether that is enough and nothing speaks against it.
    pub supported: bool,
    /// What speaks against it where the share would be enough: another number or name, a denial.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doubt: Option<String>,
}

/// A line's place on a page. Edges are fractions (0 to 1) of the page's width and height as it is
/// shown, from its top left corner.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, ToSchema)]
pub struct PageBox {
    /// Page, from 1.
    pub page: u32,
    /// Left edge.
    pub x0: f64,
    /// Upper edge.
    pub y0: f64,
    /// Right edge.
    pub x1: f64,
    /// Lower edge.
    pub y1: f64,
}

/// How many tokens a request would read.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct InputTokens {
    /// Always `response.input_tokens`.
    pub object: &'static str,
    /// Tokens of the turns and instructions. Passages that a search adds are not among them.
    pub input_tokens: u32,
}
