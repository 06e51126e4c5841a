//! The handle of a running model.

use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use cairn_isolate::{Handle, Isolate};
use cairn_kernel::{Error, Kind, Result, ResultExt, Tasks};
use futures::Stream;
use tokio::sync::{mpsc, oneshot};

use super::link::{Answer, Shared, Tokenized, Waiter, hold};
use super::protocol::Command;
use super::request::{
    ChatMessage, Encoded, EncoderInput, Event, Facts, GenerateRequest, Pooling, Sampling,
};
use super::template::ChatTemplate;
use super::{header, memory, supervisor};

/// The model to run and what it may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GgufConfig {
    /// The file.
    pub path: PathBuf,
    /// SHA-256 of the file, in hex. Whoever gives it has compared it with the file.
    pub sha256: String,
    /// A LoRA adapter for it, whose file is applied to every request.
    pub adapter: Option<PathBuf>,
    /// The name in logs, metrics and messages.
    pub name: String,
    /// Context of each slot in tokens; cut to what the model was trained with.
    pub context_tokens: u32,
    /// Requests answered at once; 1 to 64.
    pub slots: u32,
    /// Threads: as many as physical cores.
    pub threads: u32,
    /// How it makes one vector of a text, where the file does not say it, or says it wrongly.
    pub pooling: Option<Pooling>,
}

/// What a model's engine is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The model is being loaded for the first time.
    Starting,
    /// It answers.
    Ready,
    /// It ended and is being started again.
    Restarting {
        /// How it ended.
        reason: String,
    },
    /// It was stopped.
    Stopped,
}

/// A model that runs in a supervised child; clones are the same model.
///
/// The child ends when the last clone and the last stream are dropped.
#[derive(Clone, Debug)]
pub struct Gguf {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    shared: Arc<Shared>,
    facts: Facts,
    template: Result<ChatTemplate, String>,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Gguf {
    /// Checks the file, starts the child and waits until the model is loaded.
    ///
    /// # Errors
    /// `NotFound` or `Unprocessable` for the file, `Unavailable` when there is too little
    /// memory for it or no child can be started.
    pub async fn start(isolate: &Isolate, tasks: &Tasks, mut config: GgufConfig) -> Result<Self> {
        let paths = (config.path.clone(), config.adapter.clone());
        let checked = tokio::task::spawn_blocking(move || check(&paths.0, paths.1.as_deref()));
        let header = checked.await.or_internal("checking a model file")??;
        memory::check(&config, &header, memory::available_bytes())?;
        for path in [Some(&mut config.path), config.adapter.as_mut()].into_iter().flatten() {
            *path = std::fs::canonicalize(&*path).or_internal("finding a model file")?;
        }
        let pooling = config.pooling.or_else(|| Pooling::of(&header));
        let shared = Arc::new(Shared::new(config, pooling));
        let (first, loaded) = oneshot::channel();
        let shutdown = tasks.shutdown();
        let supervised = Arc::clone(&shared);
        tasks.spawn("gguf", supervisor::supervise(supervised, isolate.clone(), shutdown, first));
        // A start that is given up takes the child with it.
        let guard = shared.stop.clone().drop_guard();
        let loaded = loaded
            .await
            .map_err(|_| Error::unavailable("the program stopped while a model was loading"))??;
        let config = &shared.config;
        if loaded.chat_template.is_none() && pooling.is_none() {
            tracing::warn!(model = config.name, "the file has no chat template; ChatML is used");
        }
        let template = ChatTemplate::new(
            loaded.chat_template.as_deref(),
            &loaded.bos,
            &loaded.eos,
            &loaded.control_tokens,
        );
        let template = template.map_err(|error| error.detail());
        if let Err(reason) = &template {
            tracing::warn!(model = config.name, reason, "chats with this model will fail");
        }
        let facts = Facts {
            name: config.name.clone(),
            title: loaded.title,
            sha256: config.sha256.clone(),
            path: config.path.clone(),
            architecture: loaded.architecture,
            n_ctx_train: loaded.n_ctx_train,
            context_tokens: loaded.context_tokens,
            slots: loaded.slots,
            vocabulary: loaded.vocabulary,
            chat_template: loaded.chat_template,
            bos: loaded.bos,
            eos: loaded.eos,
            control_tokens: loaded.control_tokens,
            pooling,
            memory_bytes: loaded.memory_bytes,
            load_ms: loaded.load_ms,
        };
        guard.disarm();
        Ok(Self { inner: Arc::new(Inner { shared, facts, template }) })
    }

    /// What is known of the model, as of its first load.
    pub fn facts(&self) -> &Facts {
        &self.inner.facts
    }

    /// What its engine is doing.
    pub fn state(&self) -> State {
        self.inner.shared.state.borrow().clone()
    }

    /// The process id of the present child.
    pub fn pid(&self) -> Option<u32> {
        let child = hold(&self.inner.shared.child);
        child.as_ref().filter(|child| child.is_running()).and_then(Handle::pid)
    }

    /// Ends the child and returns when its memory is free. Running answers get an error.
    pub async fn stop(&self) {
        let shared = &self.inner.shared;
        let mut state = shared.state.subscribe();
        shared.stop.cancel();
        let _ = state.wait_for(|state| *state == State::Stopped).await;
    }

    /// Whether nobody waits for an answer of it.
    pub fn is_quiet(&self) -> bool {
        self.inner.shared.is_quiet()
    }

    /// As [`Gguf::stop`], but the answers that run have some seconds to end.
    pub async fn retire(&self) {
        supervisor::quiet(&self.inner.shared).await;
        self.stop().await;
    }

    /// Continues a prompt. Dropping the stream cancels the request and frees its slot.
    ///
    /// # Errors
    /// `Invalid` for sampling out of range; `Unavailable` when the engine does not come
    /// back in time. A prompt over the context is an error of the stream, with code
    /// `context_length_exceeded`.
    pub async fn generate(&self, request: GenerateRequest) -> Result<GenerateStream> {
        check_sampling(&request.sampling)?;
        tracing::debug!(trace = request.trace, model = self.inner.facts.name, "generate");
        let shared = &self.inner.shared;
        let boxed = Box::new(request);
        let command = |id| Command::Generate { id, request: boxed.clone() };
        let waiter = || {
            let (events, received) = mpsc::unbounded_channel();
            (Waiter::Answer(Answer::new(events)), received)
        };
        let (id, events) = shared.submit(command, waiter).await?;
        Ok(GenerateStream { events, model: self.clone(), id, ended: false })
    }

    /// Encodes `inputs` on behalf of `owner`: between owners, texts are read in turns.
    /// Dropping the future gives the rest up.
    ///
    /// # Errors
    /// `Invalid` for a model that writes text, for texts where it reads pairs and the other way
    /// round, and for a text longer than it reads at once (`context_length_exceeded`);
    /// `Unavailable` when the engine does not come back in time.
    pub async fn encode(&self, owner: &str, inputs: Vec<EncoderInput>) -> Result<Encoded> {
        let shared = &self.inner.shared;
        let command = |id| Command::Encode { id, owner: owner.to_owned(), inputs: inputs.clone() };
        let waiter = || {
            let (sender, receiver) = oneshot::channel();
            (Waiter::Encoded(sender), receiver)
        };
        let (id, encoded) = shared.submit(command, waiter).await?;
        // Does nothing once the answer has come.
        let _given_up = GiveUp { shared, id };
        encoded.await.or_kind(Kind::Unavailable, "the encoder was stopped")?
    }

    /// Token ids of `text`; with `special`, control tokens in it are read as such.
    ///
    /// # Errors
    /// `Unavailable` when the engine does not come back in time.
    pub async fn tokenize(&self, text: &str, special: bool) -> Result<Vec<i32>> {
        self.tokens(text, special, false).await.map(|(ids, _)| ids)
    }

    /// Number of tokens of a rendered prompt, without a token the model may begin with.
    ///
    /// # Errors
    /// As [`Gguf::tokenize`].
    pub async fn count_tokens(&self, text: &str) -> Result<usize> {
        let (_, count) = self.tokens(text, true, true).await?;
        usize::try_from(count).or_internal("counting tokens")
    }

    async fn tokens(&self, text: &str, special: bool, count_only: bool) -> Result<Tokenized> {
        let command = |id| Command::Tokenize { id, text: text.to_owned(), special, count_only };
        let waiter = || {
            let (sender, receiver) = oneshot::channel();
            (Waiter::Tokens(sender), receiver)
        };
        let (_, tokens) = self.inner.shared.submit(command, waiter).await?;
        tokens.await.or_kind(Kind::Unavailable, "the language model was stopped")?
    }

    /// Renders a chat with the model's own template (ChatML when the file has none).
    /// Control tokens in messages are marked so that they count as text.
    ///
    /// # Errors
    /// `Invalid` when the template rejects the messages, `Unprocessable` when the
    /// file's template is not valid.
    pub fn render_chat(
        &self,
        messages: &[ChatMessage],
        tools: Option<&serde_json::Value>,
        add_generation_prompt: bool,
    ) -> Result<String> {
        match &self.inner.template {
            Ok(template) => template.render(messages, tools, add_generation_prompt),
            Err(reason) => Err(Error::new(Kind::Unprocessable, reason.clone())),
        }
    }
}

/// Cancels a request that nobody waits for any more.
struct GiveUp<'s> {
    shared: &'s Shared,
    id: u64,
}

impl Drop for GiveUp<'_> {
    fn drop(&mut self) {
        self.shared.cancel(self.id);
    }
}

/// Checks a model's file and that of an adapter for it; what they say and weigh together.
fn check(path: &Path, adapter: Option<&Path>) -> Result<header::Header> {
    let refused = |path: &Path, what: String| {
        let text = format!("the model file '{}' cannot be used: {what}", path.display());
        Err(Error::new(Kind::Unprocessable, text).with_code("invalid_model_file"))
    };
    let mut model = header::check(path)?;
    if model.adapter {
        let what = "it is a LoRA adapter; register it together with the model that it is for";
        return refused(path, what.to_owned());
    }
    let Some(path) = adapter else { return Ok(model) };
    let adapter = header::check(path)?;
    if !adapter.adapter {
        return refused(path, "it is no LoRA adapter (general.type is not 'adapter')".to_owned());
    }
    if adapter.architecture != model.architecture {
        let (theirs, ours) = (adapter.architecture, model.architecture);
        return refused(path, format!("it adapts a '{theirs}' model, and this is a '{ours}'"));
    }
    model.file_bytes = model.file_bytes.saturating_add(adapter.file_bytes);
    Ok(model)
}

fn check_sampling(sampling: &Sampling) -> Result<()> {
    let checks = [
        ("temperature", sampling.temperature, 0.0..=10.0),
        ("top_p", sampling.top_p, 0.0..=1.0),
        ("repetition_penalty", sampling.repetition_penalty, 0.01..=100.0),
        ("frequency_penalty", sampling.frequency_penalty, -100.0..=100.0),
        ("presence_penalty", sampling.presence_penalty, -100.0..=100.0),
    ];
    for (name, value, range) in checks {
        if !range.contains(&value) {
            let (low, high) = range.into_inner();
            let message = format!("{name} is {value}; it must be between {low} and {high}");
            return Err(Error::invalid(message).with_param(name));
        }
    }
    Ok(())
}

/// The events of one answer, ending after [`Event::Done`] or an error.
#[derive(Debug)]
pub struct GenerateStream {
    events: mpsc::UnboundedReceiver<Result<Event>>,
    /// Keeps the model running while somebody reads.
    model: Gguf,
    id: u64,
    ended: bool,
}

impl GenerateStream {
    /// The next event, for callers without stream adapters.
    pub async fn next(&mut self) -> Option<Result<Event>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx)).await
    }
}

impl Stream for GenerateStream {
    type Item = Result<Event>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let event = ready!(self.events.poll_recv(cx));
        self.ended = !matches!(event, Some(Ok(Event::Started { .. } | Event::Token { .. })));
        Poll::Ready(event)
    }
}

impl Drop for GenerateStream {
    fn drop(&mut self) {
        if !self.ended {
            self.model.inner.shared.cancel(self.id);
        }
    }
}
