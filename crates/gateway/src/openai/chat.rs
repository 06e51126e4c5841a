//! `/v1/chat/completions`, whole or streamed.

mod request;

use async_stream::stream;
use axum::Json;
use axum::extract::State;
use axum::response::sse::Event as Sent;
use axum::response::{IntoResponse, Response};
use cairn_kernel::{Clock, Id, Result, Scope};
use cairn_services::chat::ChatStream;
use cairn_services::{Done, Event, Services};
use cairn_wire::openai::{
    AssistantMessage, CachedTokens, ChatChoice, ChatCompletion, ChatCompletionChunk,
    ChatCompletionRequest, ChatUsage, ChunkChoice, Delta,
};
use futures::StreamExt;
use serde::Serialize;

use super::{convert, sse};
use crate::error::{self, ApiResult};
use crate::extract::{Caller, Json as Body, RequestId};

/// Continues a chat.
#[utoipa::path(
    post,
    path = "/v1/chat/completions",
    tag = "chat",
    request_body = ChatCompletionRequest,
    responses((
        status = 200,
        body = ChatCompletion,
        description = "With stream, server-sent events of chat.completion.chunk objects"
    ))
)]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    RequestId(id): RequestId,
    Body(request): Body<ChatCompletionRequest>,
) -> ApiResult<Response> {
    let streamed = request.stream;
    let include_usage =
        request.stream_options.as_ref().is_some_and(|options| options.include_usage);
    let asked = request::read(request, &id)?;
    let ChatStream { model, events } = services.inference.chat(&scope, asked).await?;
    // Nothing is sent before the first words, so what fails until then has a status.
    let events = sse::read_ahead(events, |event| !matches!(event, Event::Started { .. })).await?;
    let ledger = Ledger { services, scope, request_id: id };
    let talk = Talk {
        id: Id::generate("chatcmpl-").to_string(),
        created: Clock::system().now_seconds(),
        model,
        include_usage,
    };
    let chat = ChatStream { model: talk.model.clone(), events };
    if streamed {
        return Ok(stream(talk, chat, ledger));
    }
    Ok(Json(whole(talk, chat, &ledger).await?).into_response())
}

/// Where usage is written.
struct Ledger {
    services: Services,
    scope: Scope,
    request_id: String,
}

impl Ledger {
    async fn record(&self, model: &str, done: &Done) {
        let tokens = (i64::from(done.prompt_tokens), i64::from(done.completion_tokens));
        let entry = convert::usage("chat", model, tokens, &self.request_id);
        self.services.usage.record(&self.scope, entry).await;
    }
}

async fn whole(talk: Talk, mut chat: ChatStream, ledger: &Ledger) -> Result<ChatCompletion> {
    let mut text = String::new();
    while let Some(event) = chat.events.next().await {
        match event? {
            Event::Started { .. } => {}
            Event::Token { text: more, .. } => text.push_str(&more),
            Event::Done(done) => {
                ledger.record(&talk.model, &done).await;
                return Ok(talk.completion(text, &done));
            }
        }
    }
    Err(sse::cut_short())
}

fn stream(talk: Talk, mut chat: ChatStream, ledger: Ledger) -> Response {
    sse::respond(stream! {
        yield Sent::default().data(talk.opening());
        while let Some(event) = chat.events.next().await {
            match event {
                Ok(event) => {
                    if let Event::Done(done) = &event {
                        ledger.record(&talk.model, done).await;
                    }
                    for data in talk.data(&event) {
                        yield Sent::default().data(data);
                    }
                    if matches!(event, Event::Done(_)) {
                        return;
                    }
                }
                Err(failure) => {
                    error::note(&failure);
                    yield Sent::default().data(text(&error::body(&failure)));
                    return;
                }
            }
        }
        let failure = sse::cut_short();
        error::note(&failure);
        yield Sent::default().data(text(&error::body(&failure)));
    })
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

/// What all pieces of an answer share.
struct Talk {
    id: String,
    created: i64,
    model: String,
    include_usage: bool,
}

impl Talk {
    fn completion(self, content: String, done: &Done) -> ChatCompletion {
        let message = AssistantMessage { role: "assistant", content, refusal: None };
        let finish_reason = done.finish_reason.name().to_owned();
        ChatCompletion {
            id: self.id,
            object: "chat.completion",
            created: self.created,
            model: self.model,
            choices: vec![ChatChoice { index: 0, message, finish_reason, logprobs: None }],
            usage: usage(done),
        }
    }

    fn chunk(&self, choices: Vec<ChunkChoice>, usage: Option<ChatUsage>) -> String {
        text(&ChatCompletionChunk {
            id: self.id.clone(),
            object: "chat.completion.chunk",
            created: self.created,
            model: self.model.clone(),
            choices,
            usage,
        })
    }

    fn piece(&self, delta: Delta, finish_reason: Option<String>) -> String {
        self.chunk(vec![ChunkChoice { index: 0, delta, finish_reason }], None)
    }

    /// The first piece, which says who speaks.
    fn opening(&self) -> String {
        self.piece(Delta { role: Some("assistant"), content: Some(String::new()) }, None)
    }

    /// What is sent for an event, up to `[DONE]`.
    fn data(&self, event: &Event) -> Vec<String> {
        match event {
            Event::Started { .. } => Vec::new(),
            Event::Token { text, .. } => {
                vec![self.piece(Delta { role: None, content: Some(text.clone()) }, None)]
            }
            Event::Done(done) => {
                let reason = done.finish_reason.name().to_owned();
                let mut last = vec![self.piece(Delta::default(), Some(reason))];
                if self.include_usage {
                    last.push(self.chunk(Vec::new(), Some(usage(done))));
                }
                last.push("[DONE]".to_owned());
                last
            }
        }
    }
}

fn usage(done: &Done) -> ChatUsage {
    ChatUsage {
        prompt_tokens: done.prompt_tokens,
        completion_tokens: done.completion_tokens,
        total_tokens: done.prompt_tokens + done.completion_tokens,
        prompt_tokens_details: CachedTokens { cached_tokens: done.cached_tokens },
    }
}

#[cfg(test)]
mod tests {
    use cairn_services::FinishReason;
    use serde_json::{Value, json};

    use super::*;

    fn done() -> Event {
        Event::Done(Done {
            finish_reason: FinishReason::Length,
            prompt_tokens: 7,
            cached_tokens: 3,
            completion_tokens: 2,
            timings: Default::default(),
        })
    }

    fn talk(include_usage: bool) -> Talk {
        Talk { id: "chatcmpl-1".into(), created: 5, model: "m".into(), include_usage }
    }

    fn parsed(data: &str) -> Value {
        serde_json::from_str(data).expect("JSON")
    }

    #[test]
    fn a_stream_opens_with_the_role_and_ends_with_reason_usage_and_done() {
        let talk = talk(true);
        assert_eq!(parsed(&talk.opening())["choices"][0]["delta"]["role"], "assistant");
        let words = talk.data(&Event::Token { text: "hi".into(), n: 1 });
        assert_eq!(parsed(&words[0])["choices"][0]["delta"], json!({"content": "hi"}));
        let last = talk.data(&done());
        assert_eq!(parsed(&last[0])["choices"][0]["finish_reason"], "length");
        let counted = parsed(&last[1]);
        assert_eq!(counted["choices"], json!([]));
        assert_eq!(counted["usage"]["total_tokens"], 9);
        assert_eq!(counted["usage"]["prompt_tokens_details"]["cached_tokens"], 3);
        assert_eq!(last[2..], ["[DONE]"]);
    }

    #[test]
    fn usage_is_streamed_only_when_asked_for() {
        let last = talk(false).data(&done());
        assert_eq!(last.len(), 2);
        assert_eq!(parsed(&last[0])["usage"], Value::Null);
    }
}
