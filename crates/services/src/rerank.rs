//! Documents in the order in which they answer a query.

use cairn_kernel::{Error, Kind, Result, Scope};
use cairn_serving::rerank::Reranker;
use cairn_store::records::UsageEntry;

use crate::llms::ALIAS;
use crate::usage::Usage;

/// Most documents in one request.
const DOCUMENTS_MAX: usize = 1000;
/// Most bytes of the query.
const QUERY_BYTES: usize = 8 << 10;
/// Most bytes of all documents together.
const DOCUMENT_BYTES: usize = 2 << 20;

/// What to order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RerankRequest {
    /// The model asked for; `None` for the one there is.
    pub model: Option<String>,
    /// What is asked.
    pub query: String,
    /// The documents.
    pub documents: Vec<String>,
    /// How many of the best to return; all of them by default.
    pub top_n: Option<usize>,
    /// Reads only so many tokens of each document. All of them by default.
    pub max_tokens_per_doc: Option<usize>,
    /// The request's id, for the ledger.
    pub request_id: String,
}

/// A document's place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Which document of the request.
    pub index: usize,
    /// How relevant it is, 0 to 1.
    pub relevance: f32,
}

/// Documents in order, and what that took.
#[derive(Clone, Debug, PartialEq)]
pub struct Reranked {
    /// The model that ordered them.
    pub model: String,
    /// The best first; equal ones as in the request.
    pub results: Vec<Ranked>,
    /// Tokens that were read.
    pub tokens: usize,
}

/// Orders documents.
#[derive(Clone)]
pub struct Rerank {
    reranker: Reranker,
    usage: Usage,
}

impl Rerank {
    /// Ordering by `reranker`, counted in `usage`.
    pub fn new(reranker: Reranker, usage: Usage) -> Self {
        Self { reranker, usage }
    }

    /// The name of the model.
    pub fn model(&self) -> &str {
        self.reranker.name()
    }

    /// Orders the documents of `request`.
    ///
    /// # Errors
    /// `NotFound` for another model, `Invalid` or `TooLarge` for what is over the bounds,
    /// `Unavailable` when the model's files are absent.
    pub async fn rerank(&self, scope: &Scope, request: RerankRequest) -> Result<Reranked> {
        self.check(&request)?;
        let RerankRequest { query, mut documents, top_n, max_tokens_per_doc, .. } = request;
        if let Some(most) = max_tokens_per_doc {
            documents = self.reranker.cut(documents, most).await?;
        }
        let scores = self.reranker.score(&query, documents).await?;
        let entry = UsageEntry {
            operation: "rerank",
            model: self.model().to_owned(),
            input_tokens: i64::try_from(scores.tokens).unwrap_or(i64::MAX),
            output_tokens: 0,
            request_id: request.request_id,
        };
        self.usage.record(scope, entry).await;
        let relevance = scores.relevance.into_iter().enumerate();
        let mut results: Vec<Ranked> =
            relevance.map(|(index, relevance)| Ranked { index, relevance }).collect();
        results.sort_by(|a, b| b.relevance.total_cmp(&a.relevance));
        results.truncate(top_n.unwrap_or(usize::MAX));
        Ok(Reranked { model: self.model().to_owned(), results, tokens: scores.tokens })
    }

    fn check(&self, request: &RerankRequest) -> Result<()> {
        let own = |name: &String| name == ALIAS || name.eq_ignore_ascii_case(self.model());
        if let Some(other) = request.model.as_ref().filter(|name| !own(name)) {
            let message = format!(
                "the reranking model '{other}' does not exist here; use '{}' or '{ALIAS}'",
                self.model()
            );
            let error = Error::new(Kind::NotFound, message);
            return Err(error.with_code("model_not_found").with_param("model"));
        }
        let count = request.documents.len();
        if count == 0 || count > DOCUMENTS_MAX {
            return Err(Error::invalid(format!(
                "documents has {count} entries; send between 1 and {DOCUMENTS_MAX}"
            ))
            .with_param("documents"));
        }
        if request.top_n == Some(0) {
            return Err(Error::invalid("top_n is 0; it must be at least 1").with_param("top_n"));
        }
        if request.max_tokens_per_doc == Some(0) {
            return Err(Error::invalid("max_tokens_per_doc is 0; it must be at least 1")
                .with_param("max_tokens_per_doc"));
        }
        let large = |what: &str, bytes: usize, most: usize| {
            let message = format!("{what} has {bytes} bytes; at most {most} are read");
            Err(Error::new(Kind::TooLarge, message).with_param(what))
        };
        if request.query.len() > QUERY_BYTES {
            return large("query", request.query.len(), QUERY_BYTES);
        }
        let bytes = request.documents.iter().map(String::len).sum();
        if bytes > DOCUMENT_BYTES {
            return large("documents", bytes, DOCUMENT_BYTES);
        }
        Ok(())
    }
}
