//! How well documents answer a query: by a cross-encoder where the operator gives one, else
//! by late interaction over the embedding model's token vectors.
//!
//! Nothing is cut off: a document longer than a model reads at once is scored by windows, and
//! its best window counts.

mod cross;
mod late;

use std::sync::Arc;

use cairn_kernel::{Error, Result, ResultExt as _};

pub use cross::CrossEncoder;

use crate::embed::Embedder;

/// The name of late interaction over the embedding model.
pub const LATE_INTERACTION: &str = "all-minilm-l6-v2-maxsim";

/// Scores and what they cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Scores {
    /// For each document how relevant it is, 0 to 1. The scores of one model may be compared,
    /// those of different models may not.
    pub relevance: Vec<f32>,
    /// Tokens that were read.
    pub tokens: usize,
}

/// Scores documents. Clones share the model.
#[derive(Clone, Debug)]
pub struct Reranker {
    name: String,
    engine: Engine,
}

#[derive(Clone, Debug)]
enum Engine {
    Late(Arc<Embedder>),
    Cross(Arc<CrossEncoder>),
}

impl Reranker {
    /// Late interaction over the token vectors of `embedder`.
    pub fn late_interaction(embedder: Arc<Embedder>) -> Self {
        Self { name: LATE_INTERACTION.to_owned(), engine: Engine::Late(embedder) }
    }

    /// A cross-encoder under the name of its file.
    pub fn cross_encoder(encoder: CrossEncoder) -> Self {
        Self { name: encoder.name().to_owned(), engine: Engine::Cross(Arc::new(encoder)) }
    }

    /// The name it answers under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// SHA-256 of its file, hex; none for late interaction, which is the embedding model's.
    pub fn sha256(&self) -> Option<&str> {
        match &self.engine {
            Engine::Late(_) => None,
            Engine::Cross(encoder) => Some(encoder.sha256()),
        }
    }

    /// The relevance of each of `documents` to `query`. Dropping the future gives the work up.
    ///
    /// # Errors
    /// `Invalid` for a query without words, `Unavailable` when the model's files are absent,
    /// `Internal` when the engine fails.
    pub async fn score(&self, query: &str, documents: Vec<String>) -> Result<Scores> {
        if query.trim().is_empty() {
            return Err(Error::invalid("query is empty; ask something").with_param("query"));
        }
        match &self.engine {
            Engine::Late(embedder) => late::score(embedder, query, documents).await,
            Engine::Cross(encoder) => CrossEncoder::score(encoder, query, documents).await,
        }
    }

    /// The documents cut to their first `tokens` tokens, as this model counts them.
    ///
    /// # Errors
    /// As [`Reranker::score`].
    pub async fn cut(&self, documents: Vec<String>, tokens: usize) -> Result<Vec<String>> {
        let engine = self.engine.clone();
        let cut = move |mut document: String| {
            let offsets = match &engine {
                Engine::Late(embedder) => embedder.token_offsets(&document)?,
                Engine::Cross(encoder) => encoder.token_offsets(&document)?,
            };
            if let Some(&(start, _)) = offsets.get(tokens) {
                document.truncate(start);
            }
            Ok(document)
        };
        tokio::task::spawn_blocking(move || documents.into_iter().map(cut).collect())
            .await
            .or_internal("tokenising")?
    }
}
