//! `/v1/chat/completions`, whole or streamed: with a language model, or with the documents of a
//! store, or files in the messages ([`documents`]).

mod documents;
mod format;
mod pieces;
mod request;
mod tools;
mod whole;

use async_stream::stream;
use axum::Json;
use axum::extract::State;
use axum::response::sse::Event as Sent;
use axum::response::{IntoResponse, Response};
use cairn_kernel::{Clock, Error, Id, Result, Scope};
use cairn_services::Services;
use cairn_services::chat::{Chat, ChatEvent, ChatStream, ChatUsage as Usage, TokenLogprob};
use cairn_services::responses::names_store;
use cairn_wire::openai::{
    CachedTokens, ChatCompletion, ChatCompletionRequest, ChatUsage, ChoiceLogprobs, TokenLogprobs,
    TopLogprob,
};
use futures::StreamExt;
use serde::Serialize;

use super::{convert, sse};
use crate::error::{self, ApiResult};
use crate::extract::{Caller, Json as Body, RequestId, Sticky};
use pieces::Pieces;
use whole::Whole;

/// Continues a chat: with a language model, or with the documents of the vector store that `model`
/// names as `store/NAME` or `store/ID`, and with the files that stand in its messages.
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
    Sticky(sticky): Sticky,
    Body(request): Body<ChatCompletionRequest>,
) -> ApiResult<Response> {
    if names_store(&request.model) || documents::files::stand_in(&request) {
        let asking = Asking { services, scope, trace: id, sticky };
        return Ok(documents::create(asking, request).await?);
    }
    let streamed = request.stream;
    let include_usage =
        request.stream_options.as_ref().is_some_and(|options| options.include_usage);
    let model = request.model.clone();
    let mut asked = request::read(request, &id)?;
    asked.sticky = sticky.or(asked.sticky);
    let with_logprobs = asked.logprobs.is_some();
    let Chat { model, events, .. } = services.inference.chat(&scope, &model, asked).await?;
    // Nothing is sent before the first words, so what fails until then has a status.
    let events =
        sse::read_ahead(events, |event| !matches!(event, ChatEvent::Started { .. })).await?;
    let ledger = Ledger { services, scope, model: model.clone(), request_id: id };
    let talk = Talk {
        id: Id::generate("chatcmpl-").to_string(),
        created: Clock::system().now_seconds(),
        model,
        include_usage,
        with_logprobs,
    };
    if streamed {
        return Ok(stream(talk, events, ledger));
    }
    Ok(Json(whole(talk, events, &ledger).await?).into_response())
}

/// Who asks, and where.
struct Asking {
    services: Services,
    scope: Scope,
    /// The request's id.
    trace: String,
    /// What keeps its version of the model from request to request.
    sticky: Option<String>,
}

/// What all pieces of an answer share.
struct Talk {
    id: String,
    created: i64,
    model: String,
    include_usage: bool,
    with_logprobs: bool,
}

/// Where usage is written.
struct Ledger {
    services: Services,
    scope: Scope,
    model: String,
    request_id: String,
}

impl Ledger {
    async fn record(&self, usage: &Usage) {
        let tokens = (i64::from(usage.prompt_tokens), i64::from(usage.completion_tokens));
        let entry = convert::usage("chat", &self.model, tokens, &self.request_id);
        self.services.usage.record(&self.scope, entry).await;
    }
}

async fn whole(talk: Talk, mut events: ChatStream, ledger: &Ledger) -> Result<ChatCompletion> {
    let mut whole = Whole::default();
    while let Some(event) = events.next().await {
        let event = event?;
        if let ChatEvent::Done(usage) = &event {
            ledger.record(usage).await;
            return Ok(whole.completion(talk, usage));
        }
        whole.add(event);
    }
    Err(sse::cut_short())
}

fn stream(talk: Talk, mut events: ChatStream, ledger: Ledger) -> Response {
    let mut pieces = Pieces::new(talk);
    sse::respond(stream! {
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => {
                    let last = matches!(event, ChatEvent::Done(_));
                    if let ChatEvent::Done(usage) = &event {
                        ledger.record(usage).await;
                    }
                    for data in pieces.data(event) {
                        yield Sent::default().data(data);
                    }
                    if last {
                        return;
                    }
                }
                Err(failure) => {
                    yield failed(&failure);
                    return;
                }
            }
        }
        yield failed(&sse::cut_short());
    })
}

/// The last event of a stream that fails; by its name it is not remembered as an answer.
fn failed(failure: &Error) -> Sent {
    error::note(failure);
    Sent::default().event("error").data(text(&error::body(failure)))
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn usage(usage: &Usage) -> ChatUsage {
    ChatUsage {
        prompt_tokens: usage.prompt_tokens,
        completion_tokens: usage.completion_tokens,
        total_tokens: usage.prompt_tokens + usage.completion_tokens,
        prompt_tokens_details: CachedTokens { cached_tokens: usage.cached_tokens },
    }
}

fn logprobs(tokens: Vec<TokenLogprob>) -> ChoiceLogprobs {
    let top =
        |(token, bytes, logprob): (String, Vec<u8>, f32)| TopLogprob { token, logprob, bytes };
    let content = tokens.into_iter().map(|token| TokenLogprobs {
        token: token.token,
        logprob: token.logprob,
        bytes: token.bytes,
        top_logprobs: token.top.into_iter().map(top).collect(),
    });
    ChoiceLogprobs { content: content.collect(), refusal: None }
}
