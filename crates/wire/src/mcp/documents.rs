use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the tool `search` takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpSearch {
    /// What to look for.
    pub query: String,
    /// Name or id of the one store to search.
    pub store: Option<String>,
    /// Most results.
    pub max_results: Option<usize>,
    /// A filter on attributes, as of `/v1/vector_stores/{id}/search`.
    pub filters: Option<Value>,
}

/// What it gives, in the shape that OpenAI's connectors read.
#[derive(Clone, Debug, Serialize)]
pub struct McpFound {
    /// The best first.
    pub results: Vec<McpPassage>,
    /// What is to be known of the search.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cairn: Option<McpNotes>,
}

/// What is to be known of a result.
#[derive(Clone, Debug, Serialize)]
pub struct McpNotes {
    /// Sentences.
    pub notes: Vec<String>,
}

/// A passage.
#[derive(Clone, Debug, Serialize)]
pub struct McpPassage {
    /// `file-…:START-END`, which `fetch` takes.
    pub id: String,
    /// The file, with the page or the heading.
    pub title: String,
    /// Where a person reads it.
    pub url: String,
    /// What it says.
    pub text: String,
}

/// What the tool `fetch` takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpFetch {
    /// `file-…`, `file-…:START-END` or `file-…:START-`.
    pub id: String,
}

/// What it gives, in the shape that OpenAI's connectors read.
#[derive(Clone, Debug, Serialize)]
pub struct McpFetched {
    /// As it was asked for.
    pub id: String,
    /// The file's name.
    pub title: String,
    /// All of its text, or as much of it as is given at once.
    pub text: String,
    /// Where a person reads it.
    pub url: String,
    /// The file's attributes, and which part of the text this is.
    pub metadata: BTreeMap<String, String>,
}

/// What the tool `ask` takes.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpAsk {
    /// The question.
    pub question: String,
    /// Names or ids of the stores to ask.
    pub stores: Option<Vec<String>>,
}

/// What it gives.
#[derive(Clone, Debug, Serialize)]
pub struct McpAnswer {
    /// The answer, with `[1]` behind what the first citation supports.
    pub answer: String,
    /// Whether the documents answer the question; else `nearest` is what comes closest.
    pub answered: bool,
    /// Why not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What it rests on.
    pub citations: Vec<McpCitation>,
    /// Sentences of it that nothing supports.
    pub unsupported: Vec<String>,
    /// Where the question is not answered, the passages that come closest.
    pub nearest: Vec<McpPassage>,
    /// What is to be known of how it came about.
    pub notes: Vec<String>,
}

/// Words of a document that an answer rests on.
#[derive(Clone, Debug, Serialize)]
pub struct McpCitation {
    /// As it stands in the answer.
    pub number: usize,
    /// `file-…:START-END`, which `fetch` takes.
    pub id: String,
    /// The file, with the page or the heading.
    pub title: String,
    /// Where a person reads it.
    pub url: String,
    /// The words.
    pub quote: String,
    /// Whether they support all that they are cited for.
    pub supported: bool,
}

/// What the tool `list_stores` takes: nothing.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct McpListStores {}

/// What it gives.
#[derive(Clone, Debug, Serialize)]
pub struct McpStores {
    /// The newest first.
    pub stores: Vec<McpStore>,
    /// Whether there are more than are listed.
    pub has_more: bool,
}

/// A vector store.
#[derive(Clone, Debug, Serialize)]
pub struct McpStore {
    /// `vs_…`
    pub id: String,
    /// Perhaps empty.
    pub name: String,
    /// What its owner says of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// Files that can be searched.
    pub files: i64,
}
