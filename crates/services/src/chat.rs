//! Chat with a language model as it is, and embeddings.

use std::sync::Arc;

use cairn_kernel::{Error, Kind, Result, Scope};
use cairn_serving::embed::{Embedder, Embeddings, Priority};
use cairn_serving::gguf::{ChatMessage, Event, GenerateRequest, Sampling};
use futures::stream::BoxStream;
use serde_json::Value;

use crate::llms::Llms;

/// A chat to continue.
#[derive(Clone, Debug)]
pub struct ChatRequest {
    /// The model asked for.
    pub model: String,
    /// The turns so far.
    pub messages: Vec<ChatMessage>,
    /// Tools in OpenAI's form, for templates that show them to the model.
    pub tools: Option<Value>,
    /// How tokens are chosen.
    pub sampling: Sampling,
    /// Most tokens to write.
    pub max_tokens: Option<u32>,
    /// Texts that end the answer.
    pub stop: Vec<String>,
    /// The request's id, for the log.
    pub trace: String,
}

/// A chat under way.
pub struct ChatStream {
    /// The model's own name.
    pub model: String,
    /// Its events.
    pub events: BoxStream<'static, Result<Event>>,
}

/// Language and embedding models as OpenAI's API has them.
#[derive(Clone)]
pub struct Inference {
    llms: Llms,
    embedder: Arc<Embedder>,
    embedding_model: String,
}

/// Most texts in one embeddings request, as at OpenAI.
const TEXTS_MAX: usize = 2048;

impl Inference {
    /// Chats with `llms`, embeddings with `embedder`.
    pub fn new(llms: Llms, embedder: Arc<Embedder>, embedding_model: String) -> Self {
        Self { llms, embedder, embedding_model }
    }

    /// Continues a chat. Dropping the stream frees the model's slot.
    ///
    /// # Errors
    /// `NotFound` for the model, `Invalid` for an empty chat, `Unavailable` while the
    /// engine restarts. A prompt longer than the context fails in the stream's first item.
    pub async fn chat(&self, scope: &Scope, request: ChatRequest) -> Result<ChatStream> {
        if request.messages.is_empty() {
            return Err(
                Error::invalid("messages is empty; send at least one").with_param("messages")
            );
        }
        let engine = self.llms.engine(&request.model).await?;
        let prompt = engine.render_chat(&request.messages, request.tools.as_ref(), true)?;
        let generate = GenerateRequest {
            max_tokens: request.max_tokens,
            sampling: request.sampling,
            stop: request.stop,
            trace: request.trace,
            ..GenerateRequest::new(scope.tenant().as_str(), prompt)
        };
        let model = engine.facts().name.clone();
        let events = engine.generate(generate).await?;
        Ok(ChatStream { model, events: Box::pin(events) })
    }

    /// Embeds texts.
    ///
    /// # Errors
    /// `NotFound` for another model, `Invalid` for no or too many texts.
    pub async fn embed(&self, _: &Scope, model: &str, texts: Vec<String>) -> Result<Embeddings> {
        if !model.eq_ignore_ascii_case(&self.embedding_model) {
            return Err(Error::new(
                Kind::NotFound,
                format!(
                    "the embedding model '{model}' does not exist here; use '{}'",
                    self.embedding_model
                ),
            )
            .with_code("model_not_found")
            .with_param("model"));
        }
        if texts.is_empty() || texts.len() > TEXTS_MAX {
            return Err(Error::invalid(format!(
                "input has {} texts; send between 1 and {TEXTS_MAX}",
                texts.len()
            ))
            .with_param("input"));
        }
        if texts.iter().any(|text| text.is_empty()) {
            return Err(Error::invalid("input has an empty text; leave it out").with_param("input"));
        }
        self.embedder.embed(texts, Priority::Interactive).await
    }

    /// The name of the embedding model.
    pub fn embedding_model(&self) -> &str {
        &self.embedding_model
    }

    /// SHA-256 of the embedding model's file.
    pub fn embedding_sha256(&self) -> String {
        let all = cairn_serving::models::assets().unwrap_or_default();
        let asset = all.iter().find(|asset| asset.name == self.embedding_model);
        asset.map(|asset| asset.sha256.clone()).unwrap_or_default()
    }

    /// Whether the embedding model's files are here.
    pub fn embedder_available(&self) -> bool {
        self.embedder.is_available()
    }

    /// Whether the embedding model is in memory.
    pub fn embedder_loaded(&self) -> bool {
        self.embedder.is_loaded()
    }

    /// The language models.
    pub fn llms(&self) -> &Llms {
        &self.llms
    }
}
