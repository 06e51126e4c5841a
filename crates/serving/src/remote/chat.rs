//! [`ChatModel`] over any dialect.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use cairn_kernel::{Error, Result};
use futures::StreamExt as _;

use super::error;
use super::frames::{Frame, Frames, Framing};
use super::upstream::{Answer, Call, Upstream};
use crate::chat::{ChatEvent, ChatModel, ChatRequest, ChatStream};

/// How long a complete answer's connection may take to end, so that it can be used again.
const LAST_BYTES: Duration = Duration::from_millis(100);

/// A wire on which chats are asked for.
pub(super) trait Dialect: Send + Sync + std::fmt::Debug {
    /// The request in this wire's words.
    ///
    /// # Errors
    /// `Invalid`, naming the field, for what it cannot say.
    fn call(&self, model: &str, request: &ChatRequest) -> Result<Call>;

    /// How its answers are cut into pieces.
    fn framing(&self) -> Framing {
        Framing::Sse
    }

    /// What reads the answer to `request`.
    fn decoder(&self, provider: &str, request: &ChatRequest) -> Box<dyn Decoder>;
}

/// Reads one answer. A choice's events end with its `Finished`, and all with `Done`.
pub(super) trait Decoder: Send {
    /// Reads a piece and adds what it means.
    ///
    /// # Errors
    /// What the provider tells in its stream, or `Unavailable` for what is not its wire.
    fn frame(&mut self, frame: &Frame, events: &mut Vec<ChatEvent>) -> Result<()>;

    /// The connection ended.
    ///
    /// # Errors
    /// `Unavailable` when the answer was not complete.
    fn end(&mut self, events: &mut Vec<ChatEvent>) -> Result<()>;
}

/// A provider's language model.
#[derive(Debug)]
pub(super) struct RemoteChat {
    model: String,
    identity: String,
    dialect: Arc<dyn Dialect>,
    upstream: Arc<Upstream>,
}

impl RemoteChat {
    pub(super) fn new(upstream: Arc<Upstream>, dialect: Arc<dyn Dialect>, model: &str) -> Self {
        let identity = format!("{}/{model}", upstream.name());
        Self { model: model.to_owned(), identity, dialect, upstream }
    }
}

#[async_trait]
impl ChatModel for RemoteChat {
    fn name(&self) -> &str {
        &self.model
    }

    fn identity(&self) -> &str {
        &self.identity
    }

    fn context_tokens(&self) -> Option<u32> {
        None
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatStream> {
        if request.messages.is_empty() {
            let empty = Error::invalid("messages is empty; send at least one");
            return Err(empty.with_param("messages"));
        }
        let call = self.dialect.call(&self.model, &request)?;
        let answer = self.upstream.send(&call).await?;
        let framing = self.dialect.framing();
        if !answer.media_type().eq_ignore_ascii_case(framing.media_type()) {
            let what = format!("a body of type '{}' and no stream", answer.media_type());
            return Err(error::garbled(self.upstream.name(), &what));
        }
        let decoder = self.dialect.decoder(self.upstream.name(), &request);
        let provider = self.upstream.name().to_owned();
        let reading = Reading {
            provider,
            answer: Some(answer),
            frames: Frames::new(framing),
            decoder,
            ready: VecDeque::new(),
            failure: None,
        };
        Ok(futures::stream::unfold(reading, Reading::next).boxed())
    }
}

/// An answer being read. Dropping it closes the connection.
struct Reading {
    provider: String,
    /// `None` once everything was read or something failed.
    answer: Option<Answer>,
    frames: Frames,
    decoder: Box<dyn Decoder>,
    ready: VecDeque<ChatEvent>,
    /// Told after what was ready before it.
    failure: Option<Error>,
}

impl Reading {
    async fn next(mut self) -> Option<(Result<ChatEvent>, Self)> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some((Ok(event), self));
            }
            if let Some(failure) = self.failure.take() {
                return Some((Err(failure), self));
            }
            let answer = self.answer.as_mut()?;
            let read = answer.chunk().await;
            let mut events = Vec::new();
            if let Err(failure) = self.decode(read, &mut events) {
                self.answer = None;
                self.failure = Some(failure);
            }
            if let Some(at) = events.iter().position(|event| matches!(event, ChatEvent::Done(_))) {
                events.truncate(at + 1);
                self.failure = None;
                self.finish().await;
            }
            self.ready.extend(events);
        }
    }

    fn decode(
        &mut self,
        read: Result<Option<Bytes>, reqwest::Error>,
        events: &mut Vec<ChatEvent>,
    ) -> Result<()> {
        match read.map_err(|cause| error::of_transport(&self.provider, cause))? {
            Some(bytes) => {
                for frame in self.frames.feed(&bytes)? {
                    self.decoder.frame(&frame, events)?;
                }
                Ok(())
            }
            None => {
                self.answer = None;
                self.decoder.end(events)?;
                let done = matches!(events.last(), Some(ChatEvent::Done(_)));
                if done { Ok(()) } else { Err(error::cut_short(&self.provider)) }
            }
        }
    }

    /// Reads the connection to its end, so that it can be used again.
    async fn finish(&mut self) {
        if let Some(mut answer) = self.answer.take() {
            let rest = async { while let Ok(Some(_)) = answer.chunk().await {} };
            let _ = tokio::time::timeout(LAST_BYTES, rest).await;
        }
    }
}
