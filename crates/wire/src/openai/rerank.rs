//! Reranking, which OpenAI does not have: one object that Cohere's and Jina's clients read.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Documents to order by a query.
#[derive(Clone, Debug, Deserialize, ToSchema)]
pub struct RerankRequest {
    /// The model; the one there is by default.
    pub model: Option<String>,
    /// What is asked.
    pub query: String,
    /// Texts, or objects with a `text`.
    pub documents: Vec<RerankDocument>,
    /// How many of the best to return; all of them by default.
    pub top_n: Option<usize>,
    /// Whether the documents come back: yes by default under `/v1` (as at Jina; Cohere's
    /// clients read them too), no under `/v2`.
    pub return_documents: Option<bool>,
    /// Reads only so many tokens of each document; all of them by default.
    pub max_tokens_per_doc: Option<usize>,
    /// What else was sent.
    #[serde(flatten)]
    #[schema(ignore)]
    pub rest: BTreeMap<String, Value>,
}

/// A document.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum RerankDocument {
    /// Its text.
    Text(String),
    /// An object with its text.
    Object {
        /// The text.
        text: String,
        /// What else it holds, which is not read.
        #[serde(flatten)]
        #[schema(ignore)]
        rest: BTreeMap<String, Value>,
    },
}

/// Documents in order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RerankResponse {
    /// `rerank-…`
    pub id: String,
    /// The model that ordered them.
    pub model: String,
    /// The best first.
    pub results: Vec<RerankResult>,
    /// Tokens that were read, where Jina's clients look.
    pub usage: RerankUsage,
    /// The same where Cohere's clients look.
    pub meta: RerankMeta,
}

/// A document's place.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RerankResult {
    /// Which document of the request.
    pub index: usize,
    /// How relevant it is, 0 to 1.
    pub relevance_score: f64,
    /// The document, if asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub document: Option<RerankedText>,
}

/// A document that comes back.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RerankedText {
    /// Its text.
    pub text: String,
}

/// Tokens that were read.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RerankUsage {
    /// Of query and documents.
    pub prompt_tokens: usize,
    /// The same.
    pub total_tokens: usize,
}

/// What Cohere tells of a request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RerankMeta {
    /// The version of the API.
    pub api_version: RerankApiVersion,
    /// Tokens.
    pub tokens: RerankTokens,
}

/// A version of the API.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RerankApiVersion {
    /// `1` or `2`.
    pub version: &'static str,
}

/// Tokens that were read.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RerankTokens {
    /// Of query and documents.
    pub input_tokens: usize,
}
