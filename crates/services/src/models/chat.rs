//! A tenant's model in chats: a version of it behind the seam, which counts what comes
//! of every chat.

use std::sync::Arc;
use std::time::Instant;

use async_stream::stream;
use async_trait::async_trait;
use cairn_kernel::{Error, Kind, Result, Scope};
use cairn_serving::chat::{ChatEvent, ChatModel, ChatRequest, ChatStream};
use cairn_serving::gguf::{ChatMessage, Gguf, Pooling};
use cairn_store::BlobPath;
use cairn_store::records::ModelVersionRow;
use futures::{Stream, StreamExt as _};

use super::Models;
use super::encoding::Encoding;
use super::infer::{Picked, Shadow, Target, compare_texts};
use super::registry::address;
use super::source::{Source, chats, embeds};

/// Longest text that is kept to compare it with a shadow's.
const COMPARED_MAX: usize = 1 << 20;

impl Models {
    /// The tenant's language model of that name, ready to chat; `None` when the tenant
    /// has none, so that the program's own may answer.
    ///
    /// # Errors
    /// `NotFound` for a version or alias the model does not have, or what keeps the
    /// version from loading.
    pub async fn chat_model(
        &self,
        scope: &Scope,
        target: &Target,
    ) -> Result<Option<Arc<dyn ChatModel>>> {
        let (name, selector) = address(&target.name, target.selector.as_deref())?;
        let Some(entry) = self.registry.find(scope, name).await? else { return Ok(None) };
        if selector.is_none() && !chats(entry.serving()?)? {
            return Ok(None);
        }
        let picked = self.pick(scope, target).await?;
        let began = Instant::now();
        let inner = self.chat_engine(scope, &picked.version).await;
        let inner = inner.inspect_err(|error| picked.observe(began, Some(error)))?;
        let shown = format!("{name}@{}", picked.version.version);
        let (scope, models) = (scope.clone(), self.clone());
        Ok(Some(Arc::new(Versioned { shown, inner, picked, scope, models })))
    }

    /// The names of the tenant's language models.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn chat_names(&self, scope: &Scope) -> Result<Vec<(String, i64)>> {
        let mut names = Vec::new();
        for row in self.records.list_models(scope).await? {
            let entry = self.registry.get(scope, &row.name).await?;
            if !entry.versions.is_empty() && chats(entry.serving()?)? {
                names.push((row.name, row.created_at));
            }
        }
        Ok(names)
    }

    /// What runs a version in chats.
    pub(super) async fn chat_engine(
        &self,
        scope: &Scope,
        row: &ModelVersionRow,
    ) -> Result<Arc<dyn ChatModel>> {
        if !chats(row)? {
            let name = &row.name;
            let text = if embeds(row)? {
                format!("model '{name}' makes vectors and writes no text; ask it at /v1/embeddings")
            } else {
                format!("model '{name}' takes tensors; ask it at /v2/models/{name}/infer")
            };
            return Err(Error::invalid(text).with_param("model"));
        }
        match Source::read(row)? {
            Source { asset: Some(base), adapter: true, .. } => {
                self.adapted_model(scope, &row.name, &row.sha256, &base).await
            }
            Source { asset: Some(asset), .. } => self.llms.chat_model(&asset).await,
            Source { provider: Some(provider), model: Some(model), .. } => {
                self.providers.chat_model(&provider, &model)
            }
            _ => {
                let pooling = Encoding::read(row)?.pooling;
                let named = (row.name.as_str(), row.sha256.as_str());
                Ok(Arc::new(self.file_engine(scope, named, pooling).await?))
            }
        }
    }

    /// A GGUF file of the tenant, which is loaded for that tenant alone; where `pooling` is given
    /// it makes vectors so, whatever the file says.
    pub(super) async fn file_engine(
        &self,
        scope: &Scope,
        (name, sha256): (&str, &str),
        pooling: Option<Pooling>,
    ) -> Result<Gguf> {
        let path = self.blobs.place(&BlobPath::model(scope, sha256));
        let key = file_key(scope, sha256, pooling);
        self.llms.file_engine(key, (name, sha256), (path, pooling)).await
    }

    /// A model of the store with an adapter of the tenant, in a child of its own; the
    /// children of one model share the memory of its file.
    pub(super) async fn adapted_model(
        &self,
        scope: &Scope,
        name: &str,
        sha256: &str,
        base: &str,
    ) -> Result<Arc<dyn ChatModel>> {
        let adapter = self.blobs.place(&BlobPath::model(scope, sha256));
        self.llms.adapted_model(file_key(scope, sha256, None), (name, sha256), base, adapter).await
    }
}

/// Under what a tenant's own file is held. A child pools in one way only.
pub(super) fn file_key(scope: &Scope, sha256: &str, pooling: Option<Pooling>) -> String {
    let tenant = scope.tenant();
    match pooling {
        None => format!("{tenant}/{sha256}"),
        Some(pooling) => format!("{tenant}/{sha256}/{pooling:?}"),
    }
}

/// A version that answers chats under its model's name.
struct Versioned {
    /// `name@version`, which also names the model in the answer.
    shown: String,
    inner: Arc<dyn ChatModel>,
    picked: Picked,
    scope: Scope,
    models: Models,
}

#[async_trait]
impl ChatModel for Versioned {
    fn name(&self) -> &str {
        &self.shown
    }

    fn identity(&self) -> &str {
        self.inner.identity()
    }

    fn context_tokens(&self) -> Option<u32> {
        self.inner.context_tokens()
    }

    async fn prompt_tokens(&self, messages: &[ChatMessage]) -> Result<Option<usize>> {
        self.inner.prompt_tokens(messages).await
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatStream> {
        let began = Instant::now();
        let copy = self.picked.shadow_place().map(|shadow| (shadow, request.clone()));
        let events = self.inner.chat(request).await;
        let events = events.inspect_err(|error| self.picked.observe(began, Some(error)))?;
        let (picked, models) = (self.picked.clone(), self.models.clone());
        let watched = Watched { picked, scope: self.scope.clone(), models, copy };
        Ok(Box::pin(watched.stream(began, events)))
    }
}

/// A chat whose end is counted. One whose stream is dropped before is not.
struct Watched {
    picked: Picked,
    scope: Scope,
    models: Models,
    copy: Option<(Shadow, ChatRequest)>,
}

impl Watched {
    fn stream(
        mut self,
        began: Instant,
        mut events: ChatStream,
    ) -> impl Stream<Item = Result<ChatEvent>> + Send {
        stream! {
            let mut text = String::new();
            while let Some(event) = events.next().await {
                match &event {
                    Err(error) => self.picked.observe(began, Some(error)),
                    Ok(ChatEvent::Done(_)) => {
                        self.picked.observe(began, None);
                        self.follow(std::mem::take(&mut text));
                    }
                    Ok(event) if self.copy.is_some() => self.keep(event, &mut text),
                    Ok(_) => {}
                }
                let last = matches!(event, Err(_) | Ok(ChatEvent::Done(_)));
                yield event;
                if last {
                    return;
                }
            }
        }
    }

    fn keep(&mut self, event: &ChatEvent, text: &mut String) {
        text.push_str(words(event));
        if text.len() > COMPARED_MAX
            && let Some((shadow, _)) = self.copy.take()
        {
            shadow.skip();
        }
    }

    /// Has the shadow answer the same, now that the caller has the answer.
    fn follow(&mut self, answered: String) {
        let Some((shadow, request)) = self.copy.take() else { return };
        let (scope, models) = (self.scope.clone(), self.models.clone());
        self.models.behind(async move {
            let version = Arc::clone(&shadow.version);
            let asked = async move {
                let events = models.chat_engine(&scope, &version).await?.chat(request).await?;
                collect(events).await
            };
            compare_texts(shadow, answered, asked).await;
        });
    }
}

async fn collect(mut events: ChatStream) -> Result<String> {
    let mut text = String::new();
    while let Some(event) = events.next().await {
        let event = event?;
        text.push_str(words(&event));
        if text.len() > COMPARED_MAX {
            return Err(Error::new(Kind::TooLarge, "the shadow's answer is too long to compare"));
        }
        if matches!(event, ChatEvent::Done(_)) {
            return Ok(text);
        }
    }
    Err(Error::internal("the shadow's answer ended early"))
}

/// What an event adds to the first choice: its text, or the function it calls and how.
fn words(event: &ChatEvent) -> &str {
    match event {
        ChatEvent::Text { choice: 0, text, .. }
        | ChatEvent::ToolArguments { choice: 0, text, .. } => text,
        ChatEvent::ToolCall { choice: 0, name, .. } => name,
        _ => "",
    }
}
