//! A chat whose model is a vector store, or in whose messages files stand: the documents answer, by
//! the same path as in `/v1/responses`.
//!
//! A chat has no place for citations that its clients show, so the text ends with its sources, as
//! lines. JSON has none, and comes whole: text that was given on cannot be taken back in a chat.

mod asked;
pub(super) mod files;
mod sources;
mod told;

use std::time::Instant;

use async_stream::stream;
use axum::Json;
use axum::response::sse::Event as Sent;
use axum::response::{IntoResponse, Response};
use cairn_kernel::{Clock, Error, Id, Result};
use cairn_services::responses::{Beat, Beats, names_store};
use cairn_wire::openai::{ChatChoice, ChatCompletion, ChatCompletionRequest};
use futures::StreamExt as _;

use super::pieces::Pieces;
use super::{Asking, Ledger, Talk, failed, usage};
use crate::openai::responses::Standing;
use crate::openai::sse;
use told::{Ending, Telling};

/// The only choice.
const CHOICE: u32 = 0;

/// Answers a chat with the documents of the store that is its model, and the files in it.
///
/// # Errors
/// `NotFound` for the store, a file and a language model, `Invalid` naming what is not done over
/// documents.
pub(super) async fn create(asking: Asking, mut request: ChatCompletionRequest) -> Result<Response> {
    let started = Instant::now();
    let Asking { services, scope, trace, sticky } = asking;
    let streamed = request.stream;
    let talk = Talk {
        id: Id::generate("chatcmpl-").to_string(),
        created: Clock::system().now_seconds(),
        model: request.model.clone(),
        include_usage: request.stream_options.as_ref().is_some_and(|options| options.include_usage),
        with_logprobs: false,
    };
    let store = match names_store(&request.model) {
        true => Some(services.responses.named_store(&scope, &request.model).await?.id),
        false => None,
    };
    let files = files::take(&mut request)?;
    let origins = files::origins(&files);
    let writer = request.cairn.as_ref().is_some_and(|options| options.model.is_some());
    let mut inquiry = asked::read(request, store.as_ref(), &trace)?;
    let question = &mut inquiry.question;
    question.sticky = sticky.or(question.sticky.take());
    if let Some(search) = &mut inquiry.search {
        search.queries = services.answers.wordings(&question.text, &question.history);
        let attached = services.responses.attach(&scope, files).await;
        search.attached = attached.map_err(|error| match error.param() {
            None => error.with_param("messages"),
            Some(_) => error,
        })?;
    }
    let telling = Telling::new(started, (store, origins), &question.format);
    let beats = services.responses.make(&scope, inquiry).await;
    let renamed = |error: Error| match writer && error.param() == Some("model") {
        true => error.with_param("cairn.model"),
        false => error,
    };
    // The search is over before anything is sent, so what fails until then has a status.
    let beats = sse::read_ahead(beats.map_err(renamed)?, |beat| !matches!(beat, Beat::Searching));
    let beats = beats.await.map_err(renamed)?;
    let ledger = Ledger { services, scope, model: String::new(), request_id: trace };
    match streamed {
        true => Ok(play(talk, telling, beats, ledger)),
        false => Ok(Json(whole(talk, telling, beats, ledger).await?).into_response()),
    }
}

async fn whole(
    talk: Talk,
    mut telling: Telling,
    mut beats: Beats,
    mut ledger: Ledger,
) -> Result<ChatCompletion> {
    while let Some(beat) = beats.next().await {
        telling.hear(beat?);
        let Some(ending) = telling.ending() else { continue };
        ledger.model.clone_from(&ending.writer);
        ledger.record(&ending.usage).await;
        ledger.services.responses.require(&ledger.scope, telling.quoted()).await?;
        return Ok(completion(talk, ending));
    }
    Err(sse::cut_short())
}

fn completion(talk: Talk, ending: Ending) -> ChatCompletion {
    let usage = usage(&ending.usage);
    let finish_reason = ending.reason.name().to_owned();
    let message = ending.message();
    ChatCompletion {
        id: talk.id,
        object: "chat.completion",
        created: talk.created,
        model: talk.model,
        choices: vec![ChatChoice { index: CHOICE, message, finish_reason, logprobs: None }],
        usage,
    }
}

fn play(talk: Talk, mut telling: Telling, mut beats: Beats, mut ledger: Ledger) -> Response {
    let mut pieces = Pieces::new(talk);
    let mut standing = Standing::new(&ledger.services, &ledger.scope);
    sse::respond(stream! {
        if let Some(data) = pieces.opening(CHOICE) {
            yield Sent::default().data(data);
        }
        let failure = loop {
            let beat = match beats.next().await {
                Some(Ok(beat)) => beat,
                Some(Err(failure)) => break failure,
                None => break sse::cut_short(),
            };
            let mut deltas = Vec::from_iter(telling.hear(beat));
            let ending = telling.ending();
            if let Some(ending) = &ending {
                ledger.model.clone_from(&ending.writer);
                ledger.record(&ending.usage).await;
                deltas.extend(ending.rest());
            }
            let quoted = telling.quoted();
            if let Err(gone) = standing.check(quoted.len(), || quoted.to_vec()).await {
                break gone;
            }
            for delta in deltas {
                yield Sent::default().data(pieces.delta(CHOICE, delta));
            }
            if let Some(ending) = ending {
                yield Sent::default().data(pieces.finished(CHOICE, ending.reason));
                for data in pieces.closing(&ending.usage) {
                    yield Sent::default().data(data);
                }
                return;
            }
        };
        yield failed(&failure);
    })
}
