//! Chat with a language model as it is, and embeddings.

use std::sync::Arc;

use cairn_kernel::{Error, Kind, Result, Scope};
use cairn_serving::embed::{Embedder, Embeddings, Priority};
use futures::StreamExt as _;

use crate::llms::{ALIAS, Llms};
use crate::models::registry::address;
use crate::models::{InputType, Models, Reads, Target};
use crate::turns;

pub use cairn_serving::chat::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, ChatUsage, TextFormat, TokenLogprob, Tool,
    ToolChoice,
};

/// A chat under way.
pub struct Chat {
    /// The model's own name.
    pub model: String,
    /// What exactly answers: a file's SHA-256, or a provider's model.
    pub identity: String,
    /// What it writes.
    pub events: ChatStream,
}

/// Language and embedding models as OpenAI's API has them.
#[derive(Clone)]
pub struct Inference {
    llms: Llms,
    models: Models,
    embedder: Arc<Embedder>,
    embedding_model: String,
}

/// Most texts in one embeddings request, as at OpenAI.
const TEXTS_MAX: usize = 2048;

impl Inference {
    /// Chats with the tenant's `models` and the program's own `llms`, embeddings with
    /// `embedder`.
    pub(crate) fn new(
        llms: Llms,
        models: Models,
        embedder: Arc<Embedder>,
        embedding_model: String,
    ) -> Self {
        Self { llms, models, embedder, embedding_model }
    }

    /// The model that answers to a name for whom `scope` says, the tenant's own before
    /// the program's: the one place where a name becomes a model.
    ///
    /// # Errors
    /// `NotFound` for an unknown model, `Unavailable` when it cannot be loaded.
    pub async fn chat_model(&self, scope: &Scope, target: &Target) -> Result<Arc<dyn ChatModel>> {
        match self.models.chat_model(scope, target).await? {
            Some(own) => Ok(own),
            // What is the program's own has one version.
            None => match address(&target.name, target.selector.as_deref())? {
                (name, None | Some("1")) => self.llms.chat_model(name).await,
                (name, Some(version)) => {
                    Err(Error::not_found(format!("version '{version}' of model '{name}'"))
                        .with_code("model_not_found")
                        .with_param("model"))
                }
            },
        }
    }

    /// The model that writes answers over documents, or `None` when they are extractive.
    ///
    /// # Errors
    /// As [`Inference::chat_model`].
    pub async fn writer(
        &self,
        scope: &Scope,
        target: &Target,
    ) -> Result<Option<Arc<dyn ChatModel>>> {
        if target.name == ALIAS && self.llms.default_model().is_none() {
            return Ok(None);
        }
        self.chat_model(scope, target).await.map(Some)
    }

    /// Continues a chat with the model of that name, on behalf of the scope's tenant.
    /// Dropping the stream frees what it holds.
    ///
    /// # Errors
    /// `NotFound` for the model, `Invalid` for an empty chat and for what the model
    /// cannot do, `Unavailable` while it restarts. A prompt longer than the context may
    /// fail in the stream's first item.
    pub async fn chat(&self, scope: &Scope, model: &str, request: ChatRequest) -> Result<Chat> {
        if request.messages.is_empty() {
            return Err(
                Error::invalid("messages is empty; send at least one").with_param("messages")
            );
        }
        let model = self.chat_model(scope, &target(model, &request)).await?;
        let request = ChatRequest { owner: scope.tenant().as_str().to_owned(), ..request };
        let events = model.chat(request).await?;
        Ok(Chat { model: model.name().to_owned(), identity: model.identity().to_owned(), events })
    }

    /// Leaves out the oldest turns of a chat that do not fit the context of the model of that
    /// name beside its tools; how many. The last message of a user is the question, which stays
    /// with what follows it.
    ///
    /// # Errors
    /// As [`Inference::chat`].
    pub async fn fit(
        &self,
        scope: &Scope,
        model: &str,
        request: &mut ChatRequest,
    ) -> Result<usize> {
        let model = self.chat_model(scope, &target(model, request)).await?;
        let tools: usize = request.tools.iter().map(size).sum();
        turns::fit_beside(&*model, &mut request.messages, request.max_tokens, tools).await
    }

    /// Where each token of the program's own embedding model lies in `text`: byte offsets, start
    /// and end, in order.
    ///
    /// # Errors
    /// `Unavailable` when the tokenizer's file is absent.
    pub(crate) fn own_tokens(&self, text: &str) -> Result<Vec<(usize, usize)>> {
        self.embedder.token_offsets(text)
    }

    /// How many tokens the model of that name reads for these turns, its template
    /// included. A local model tells when it begins, so it is asked and stopped; another
    /// is asked for one token.
    ///
    /// # Errors
    /// As [`Inference::chat`]; `Unavailable` when the model does not say.
    pub async fn count_tokens(
        &self,
        scope: &Scope,
        model: &str,
        request: ChatRequest,
    ) -> Result<u32> {
        let request = ChatRequest { max_tokens: Some(1), choices: 1, ..request };
        let mut events = self.chat(scope, model, request).await?.events;
        while let Some(event) = events.next().await {
            match event? {
                ChatEvent::Started { prompt_tokens, .. } if prompt_tokens > 0 => {
                    return Ok(prompt_tokens);
                }
                ChatEvent::Done(usage) => return Ok(usage.prompt_tokens),
                _ => {}
            }
        }
        Err(Error::unavailable("the model did not say how many tokens it read; try again"))
    }

    /// Embeds texts with an encoder of the tenant, behind its prefix for what they are, or with the
    /// program's own embedding model, which has none.
    ///
    /// # Errors
    /// `NotFound` for another model, `Invalid` for no or too many texts, for a model that is no
    /// encoder, and for a text longer than an encoder of the tenant reads at once.
    pub async fn embed(
        &self,
        scope: &Scope,
        target: &Target,
        texts: Vec<String>,
        of: InputType,
    ) -> Result<Embeddings> {
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
        let model = &target.name;
        if model.eq_ignore_ascii_case(&self.embedding_model) {
            return self.embedder.embed(texts, Priority::Interactive).await;
        }
        let inputs = |reads: &Reads| texts.into_iter().map(|text| reads.text(of, text)).collect();
        let now = Priority::Interactive;
        let Some(made) = self.models.encode(scope, target, now, inputs).await? else {
            return Err(Error::new(
                Kind::NotFound,
                format!(
                    "the embedding model '{model}' does not exist here; use '{}'",
                    self.embedding_model
                ),
            )
            .with_code("model_not_found")
            .with_param("model"));
        };
        let windows = vec![1; made.vectors.len()];
        let tokens = made.tokens.into_iter().map(|count| count as usize).collect();
        Ok(Embeddings { vectors: made.vectors, tokens, windows })
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

/// Bytes that describe a tool to a model.
fn size(tool: &Tool) -> usize {
    let described = tool.description.as_ref().map_or(0, String::len);
    tool.name.len() + described + tool.parameters.to_string().len()
}

/// What a chat with the model of that name is for.
fn target(model: &str, request: &ChatRequest) -> Target {
    Target {
        name: model.to_owned(),
        selector: None,
        sticky: request.sticky.clone(),
        request_id: request.trace.clone(),
    }
}
