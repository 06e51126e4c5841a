//! Documents in the order in which they answer a query.

use cairn_kernel::{Error, Kind, Result, Scope};
use cairn_serving::embed::Priority;
use cairn_serving::gguf::{Encoded, EncoderInput};
use cairn_serving::rerank::{Reranker, Scores};
use cairn_store::records::UsageEntry;

use crate::llms::ALIAS;
use crate::models::{InputType, Models, Reads, Target};
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
    models: Models,
    usage: Usage,
}

impl Rerank {
    /// Ordering by `reranker` and the tenants' encoders among `models`, counted in `usage`.
    pub fn new(reranker: Reranker, models: Models, usage: Usage) -> Self {
        Self { reranker, models, usage }
    }

    /// The name of the program's own model.
    pub fn model(&self) -> &str {
        self.reranker.name()
    }

    /// Whether documents can be ordered by a model of that name.
    ///
    /// # Errors
    /// `NotFound` naming it.
    pub async fn known(&self, scope: &Scope, model: &str) -> Result<()> {
        if model == ALIAS || model.eq_ignore_ascii_case(self.model()) {
            return Ok(());
        }
        self.models.get(scope, model).await.map(|_| ())
    }

    /// Orders the documents of `request`.
    ///
    /// # Errors
    /// `NotFound` for an unknown model, `Invalid` or `TooLarge` for what is over the bounds,
    /// `Unavailable` when the model's files are absent.
    pub async fn rerank(&self, scope: &Scope, request: RerankRequest) -> Result<Reranked> {
        check(&request)?;
        let other = |name: &String| name != ALIAS && !name.eq_ignore_ascii_case(self.model());
        let model = request.model.clone().filter(other);
        let (model, scores) = match model {
            Some(model) => {
                let scores = self.score_with(scope, &model, &request).await?;
                (model, scores)
            }
            None => (self.model().to_owned(), self.score(&request).await?),
        };
        let top_n = request.top_n;
        let entry = UsageEntry {
            operation: "rerank",
            model: model.clone(),
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
        Ok(Reranked { model, results, tokens: scores.tokens })
    }

    /// By the program's own model.
    async fn score(&self, request: &RerankRequest) -> Result<Scores> {
        let mut documents = request.documents.clone();
        if let Some(most) = request.max_tokens_per_doc {
            documents = self.reranker.cut(documents, most).await?;
        }
        self.reranker.score(&request.query, documents).await
    }

    /// By an encoder of the tenant: a cross-encoder reads query and document together, of any
    /// other one the angle between their vectors counts.
    async fn score_with(
        &self,
        scope: &Scope,
        model: &str,
        request: &RerankRequest,
    ) -> Result<Scores> {
        if request.max_tokens_per_doc.is_some() {
            let message = format!("max_tokens_per_doc cannot be used with '{model}'; leave it out");
            return Err(Error::invalid(message).with_param("max_tokens_per_doc"));
        }
        let target = Target {
            name: model.to_owned(),
            request_id: request.request_id.clone(),
            ..Target::default()
        };
        let mut crossed = false;
        let inputs = |reads: &Reads| {
            crossed = reads.pairs;
            inputs(reads, request)
        };
        let now = Priority::Interactive;
        let Some(made) = self.models.encode(scope, &target, now, inputs).await? else {
            let message = format!(
                "the reranking model '{model}' does not exist here; use '{}' or '{ALIAS}'",
                self.model()
            );
            let error = Error::new(Kind::NotFound, message);
            return Err(error.with_code("model_not_found").with_param("model"));
        };
        let tokens = made.tokens.iter().map(|count| *count as usize).sum();
        let relevance = if crossed { probabilities(&made) } else { angles(&made) };
        Ok(Scores { relevance, tokens })
    }
}

fn inputs(reads: &Reads, request: &RerankRequest) -> Vec<EncoderInput> {
    let (query, documents) = (&request.query, request.documents.iter().cloned());
    if reads.pairs {
        let pair = |document| EncoderInput::Pair { query: query.clone(), document };
        return documents.map(pair).collect();
    }
    let documents = documents.map(|document| reads.text(InputType::Document, document));
    std::iter::once(reads.text(InputType::Query, query.clone())).chain(documents).collect()
}

/// Of a cross-encoder's bare numbers, how probable it is that each document answers.
fn probabilities(made: &Encoded) -> Vec<f32> {
    let numbers = made.vectors.iter().map(|vector| vector.first().copied().unwrap_or(f32::MIN));
    numbers.map(|number| 1.0 / (1.0 + (-number).exp())).collect()
}

/// The cosines between the first vector and the others, as far as they are above 0.
fn angles(made: &Encoded) -> Vec<f32> {
    let Some((query, documents)) = made.vectors.split_first() else { return Vec::new() };
    let cosine = |document: &Vec<f32>| query.iter().zip(document).map(|(a, b)| a * b).sum::<f32>();
    documents.iter().map(|document| cosine(document).clamp(0.0, 1.0)).collect()
}

fn check(request: &RerankRequest) -> Result<()> {
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
