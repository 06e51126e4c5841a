//! Chats with a local model: the seam [`ChatModel`] over the engine's generations.
//!
//! A chat becomes a prompt by the model's own template, and what its answer must look
//! like becomes a grammar that the engine follows; so a format or a call that is
//! complete is also valid. Several choices are several generations that share the
//! prompt's cache.

mod calls;
mod grammar;
mod tools;

use async_trait::async_trait;
use cairn_kernel::{Error, Id, Result};
use futures::StreamExt;
use futures::stream::{iter, select_all};

use super::handle::Gguf;
use super::request::{ChatMessage, Constraint, Done, Event, FinishReason, GenerateRequest};
use crate::chat::{
    ChatEvent, ChatModel, ChatRequest, ChatStream, ChatUsage, TextFormat, TokenLogprob, ToolChoice,
};
use calls::{Calls, Part};
use grammar::Calling;
use tools::Telling;

#[async_trait]
impl ChatModel for Gguf {
    fn name(&self) -> &str {
        &self.facts().name
    }

    fn identity(&self) -> &str {
        &self.facts().sha256
    }

    fn context_tokens(&self) -> Option<u32> {
        Some(self.facts().context_tokens)
    }

    async fn prompt_tokens(&self, messages: &[ChatMessage]) -> Result<Option<usize>> {
        let prompt = self.render_chat(messages, None, true)?;
        // A model may begin with a token that stands in no text.
        Ok(Some(self.count_tokens(&prompt).await? + 1))
    }

    async fn chat(&self, request: ChatRequest) -> Result<ChatStream> {
        check(&request)?;
        let telling = Telling::by(self.facts().chat_template.as_deref());
        let prompt = self.prompt(&request, telling)?;
        let constraint = self.constraint(&request, telling)?;
        let form = calls_tools(&request).then(|| telling.form());
        let choices = request.choices.max(1);
        let mut streams = Vec::new();
        for choice in 0..choices {
            let mut sampling = request.sampling.clone();
            // Choices of one seed differ from each other, and are the same each time.
            sampling.seed = sampling.seed.map(|seed| seed.wrapping_add(u64::from(choice)));
            let generate = GenerateRequest {
                max_tokens: request.max_tokens,
                sampling,
                stop: request.stop.clone(),
                constraint: constraint.clone(),
                logprobs: request.logprobs,
                ignore_eos: request.ignore_eos,
                trace: request.trace.clone(),
                ..GenerateRequest::new(request.owner.clone(), prompt.clone())
            };
            streams.push(self.generate(generate).await?.map(move |event| (choice, event)));
        }
        let mut answer = Answer {
            writers: (0..choices).map(|_| form.map(Calls::new)).map(Writer::new).collect(),
            usage: ChatUsage::default(),
            left: choices,
            started: false,
        };
        let events = select_all(streams).map(move |(choice, event)| {
            iter(match event {
                Ok(event) => answer.add(choice, event).into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            })
        });
        Ok(Box::pin(events.flatten()))
    }
}

impl Gguf {
    fn prompt(&self, request: &ChatRequest, telling: Telling) -> Result<String> {
        let tools = match request.tool_choice {
            ToolChoice::None => &[],
            _ => request.tools.as_slice(),
        };
        match telling {
            Telling::Template(_) => {
                let listed = (!tools.is_empty()).then(|| tools::listed(tools));
                self.render_chat(&request.messages, listed.as_ref(), true)
            }
            Telling::Message => {
                self.render_chat(&tools::described(&request.messages, tools), None, true)
            }
        }
    }

    fn constraint(&self, request: &ChatRequest, telling: Telling) -> Result<Option<Constraint>> {
        if !calls_tools(request) {
            return Ok(grammar::of_format(&request.format));
        }
        let calling = Calling {
            form: telling.form(),
            tools: &request.tools,
            choice: &request.tool_choice,
            parallel: request.parallel_tool_calls,
            python_tag: self.facts().control_tokens.iter().any(|text| text == grammar::PYTHON_TAG),
        };
        let constraint = grammar::of_calls(&calling, &request.format).ok_or_else(|| {
            Error::invalid("a grammar of your own cannot stand beside tools; send one of them")
                .with_param("structured_outputs")
        })?;
        Ok(Some(constraint))
    }
}

fn calls_tools(request: &ChatRequest) -> bool {
    !request.tools.is_empty() && request.tool_choice != ToolChoice::None
}

fn check(request: &ChatRequest) -> Result<()> {
    let forced = matches!(request.tool_choice, ToolChoice::Required | ToolChoice::Function(_));
    if forced && request.tools.is_empty() {
        return Err(Error::invalid("a tool must be called, but there are no tools")
            .with_param("tool_choice"));
    }
    if request.ignore_eos && (calls_tools(request) || request.format != TextFormat::Text) {
        return Err(Error::invalid(
            "an answer that must fit a format or may call tools has an end; leave ignore_eos out",
        )
        .with_param("ignore_eos"));
    }
    Ok(())
}

/// The choices of one request on their way.
struct Answer {
    writers: Vec<Writer>,
    usage: ChatUsage,
    /// Choices that are not complete.
    left: u32,
    started: bool,
}

impl Answer {
    fn add(&mut self, choice: u32, event: Event) -> Vec<ChatEvent> {
        let at = usize::try_from(choice).unwrap_or(usize::MAX);
        let Some(writer) = self.writers.get_mut(at) else { return Vec::new() };
        match event {
            Event::Started { prompt_tokens, cached_tokens } => {
                if std::mem::replace(&mut self.started, true) {
                    return Vec::new();
                }
                // The prompt is one, however many answers there are.
                self.usage = ChatUsage { prompt_tokens, cached_tokens, completion_tokens: 0 };
                vec![ChatEvent::Started { prompt_tokens, cached_tokens }]
            }
            Event::Token { text, logprobs, .. } => writer.text(choice, text, logprobs),
            Event::Done(done) => {
                let mut events = writer.finish(choice, &done);
                self.usage.completion_tokens += done.completion_tokens;
                self.left -= 1;
                if self.left == 0 {
                    events.push(ChatEvent::Done(self.usage));
                }
                events
            }
        }
    }
}

/// One choice.
struct Writer {
    /// Looks for calls where there are tools.
    calls: Option<Calls>,
    /// Calls begun.
    begun: u32,
    /// Log probabilities of text that is held back.
    logprobs: Vec<TokenLogprob>,
}

impl Writer {
    fn new(calls: Option<Calls>) -> Self {
        Self { calls, begun: 0, logprobs: Vec::new() }
    }

    fn text(&mut self, choice: u32, text: String, logprobs: Vec<TokenLogprob>) -> Vec<ChatEvent> {
        let Some(calls) = &mut self.calls else {
            return vec![ChatEvent::Text { choice, text, logprobs }];
        };
        let parts = calls.push(&text);
        self.logprobs.extend(logprobs);
        self.events(choice, parts)
    }

    fn finish(&mut self, choice: u32, done: &Done) -> Vec<ChatEvent> {
        let parts = self.calls.as_mut().map(Calls::finish).unwrap_or_default();
        let called = self.calls.as_ref().is_some_and(Calls::any);
        let mut events = self.events(choice, parts);
        let reason = match done.finish_reason {
            FinishReason::Stop if called => FinishReason::ToolCalls,
            reason => reason,
        };
        events.push(ChatEvent::Finished { choice, reason });
        events
    }

    fn events(&mut self, choice: u32, parts: Vec<Part>) -> Vec<ChatEvent> {
        let event = |part| match part {
            Part::Text(text) => {
                let logprobs = std::mem::take(&mut self.logprobs);
                ChatEvent::Text { choice, text, logprobs }
            }
            Part::Call(name) => {
                // A call's tokens are no text.
                self.logprobs.clear();
                self.begun += 1;
                let id = Id::generate("call_").to_string();
                ChatEvent::ToolCall { choice, index: self.begun - 1, id, name }
            }
            Part::Arguments(text) => {
                self.logprobs.clear();
                ChatEvent::ToolArguments { choice, index: self.begun.saturating_sub(1), text }
            }
        };
        parts.into_iter().map(event).collect()
    }
}

#[cfg(test)]
mod tests;
