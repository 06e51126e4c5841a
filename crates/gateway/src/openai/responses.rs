//! `/v1/responses`: answers over files with citations, or plain ones.

mod history;
mod input;
mod request;
mod script;
mod source;

use std::collections::BTreeMap;
use std::time::Instant;

use async_stream::stream;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cairn_kernel::{Clock, Error, Id, Result, ResultExt, Scope};
use cairn_services::Services;
use cairn_services::records::ResponseRow;
use cairn_wire::openai::{self as wire, List, ListQuery, ResponseRequest};
use futures::StreamExt;
use futures::stream::BoxStream;
use serde_json::Value;

use super::convert::{self, Listing, Paging, unsupported};
use super::sse;
use crate::error::{self, ApiResult};
use crate::extract::{Caller, Json as Body, RequestId, Sticky};
use script::{Beat, Script};

/// Answers a question.
#[utoipa::path(
    post,
    path = "/v1/responses",
    tag = "responses",
    request_body = ResponseRequest,
    responses((
        status = 200,
        body = wire::Response,
        description = "With stream, server-sent events; the last one carries this object"
    ))
)]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    RequestId(trace): RequestId,
    Sticky(sticky): Sticky,
    Body(request): Body<ResponseRequest>,
) -> ApiResult<Response> {
    let started = Instant::now();
    let now = Clock::system().now();
    let mut asked = request::read(request, now)?;
    asked.sticky = sticky.or(asked.sticky);
    let mut sources = Vec::new();
    if let Some(previous) = &asked.previous {
        let earlier = history::load(&services, &scope, previous).await?;
        asked.input.precede(earlier.turns);
        sources = earlier.sources;
    }
    let input = serde_json::to_string(&asked.input.items).or_internal("writing input items")?;
    let (streamed, store) = (asked.stream, asked.shell.store);
    let script = Script::new(asked.shell.clone(), asked.queries(), asked.include_results);
    let beats = source::beats(&services, &scope, asked, &trace, started).await?;
    // The search is over before anything is sent, so what fails until then has a status.
    let beats = sse::read_ahead(beats, |beat| !matches!(beat, Beat::Searching)).await?;
    let keeper = Keeper { services, scope, trace, store, input, sources, created_at: now };
    if streamed {
        return Ok(play(script, beats, keeper));
    }
    Ok(Json(whole(script, beats, &keeper).await?).into_response())
}

async fn whole(
    mut script: Script,
    mut beats: BoxStream<'static, Result<Beat>>,
    keeper: &Keeper,
) -> Result<wire::Response> {
    while let Some(beat) = beats.next().await {
        script.step(beat?);
        if let Some(response) = script.finished() {
            keeper.keep(response).await?;
            return Ok(response.clone());
        }
    }
    Err(sse::cut_short())
}

fn play(
    mut script: Script,
    mut beats: BoxStream<'static, Result<Beat>>,
    keeper: Keeper,
) -> Response {
    sse::respond(stream! {
        for event in script.begin() {
            yield sse::named(&event);
        }
        let failure = loop {
            let beat = match beats.next().await {
                Some(Ok(beat)) => beat,
                Some(Err(failure)) => break failure,
                None => break sse::cut_short(),
            };
            let events = script.step(beat);
            // What is announced as complete is kept already.
            if let Some(response) = script.finished()
                && let Err(failure) = keeper.keep(response).await
            {
                break failure;
            }
            for event in events {
                yield sse::named(&event);
            }
            if script.finished().is_some() {
                return;
            }
        };
        error::note(&failure);
        yield sse::named(&script.failed(&failure));
    })
}

/// What is done with a finished answer.
struct Keeper {
    services: Services,
    scope: Scope,
    trace: String,
    store: bool,
    input: String,
    /// Files that earlier turns rest on.
    sources: Vec<String>,
    created_at: i64,
}

impl Keeper {
    async fn keep(&self, response: &wire::Response) -> Result<()> {
        let (read, written) =
            response.usage.map_or((0, 0), |usage| (usage.input_tokens, usage.output_tokens));
        let tokens = (i64::from(read), i64::from(written));
        let entry = convert::usage("responses", &response.model, tokens, &self.trace);
        self.services.usage.record(&self.scope, entry).await;
        if !self.store {
            return Ok(());
        }
        let body = serde_json::to_value(response).or_internal("writing a response")?;
        let mut sources = self.sources.clone();
        history::collect_files(&body, &mut sources);
        let row = ResponseRow {
            id: response.id.clone(),
            body: serde_json::to_string(response).or_internal("writing a response")?,
            input: self.input.clone(),
            created_at: self.created_at,
        };
        self.services.responses.keep(&self.scope, &row, &sources).await
    }
}

/// A kept answer.
#[utoipa::path(
    get,
    path = "/v1/responses/{id}",
    tag = "responses",
    params(("id" = String, Path)),
    responses((status = 200, body = wire::Response))
)]
pub(crate) async fn retrieve(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> ApiResult<Json<Value>> {
    let asked = |name: &str| query.get(name).is_some_and(|value| value != "false");
    if let Some(name) = ["stream", "starting_after"].into_iter().find(|name| asked(name)) {
        return Err(unsupported(name).into());
    }
    let row = services.responses.get(&scope, &Id::from_raw(id)).await?;
    Ok(Json(serde_json::from_str(&row.body).or_internal("reading a kept response")?))
}

/// Deletes a kept answer.
#[utoipa::path(
    delete,
    path = "/v1/responses/{id}",
    tag = "responses",
    params(("id" = String, Path)),
    responses((status = 200, body = wire::Deleted))
)]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<(StatusCode, Json<wire::Deleted>)> {
    services.responses.delete(&scope, &Id::from_raw(id.as_str())).await?;
    Ok((StatusCode::OK, Json(wire::Deleted { id, object: "response", deleted: true })))
}

/// What was asked.
#[utoipa::path(
    get,
    path = "/v1/responses/{id}/input_items",
    tag = "responses",
    params(("id" = String, Path), ListQuery),
    responses((status = 200, body = List<Object>))
)]
pub(crate) async fn input_items(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Listing(query): Listing,
) -> ApiResult<Json<List<Value>>> {
    let paging = Paging::of(&query, 100, 20)?;
    let row = services.responses.get(&scope, &Id::from_raw(id)).await?;
    let items: Vec<Value> = serde_json::from_str(&row.input).or_internal("reading input items")?;
    Ok(Json(paging.list(input::page(items, &paging.page)?, input::id)))
}

/// The refusal of what the field `name` asks for.
fn refused(name: &str, message: impl Into<String>) -> Error {
    Error::invalid(message).with_param(name)
}
