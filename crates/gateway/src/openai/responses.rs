//! `/v1/responses`: answers over files with citations, or plain ones.

mod attached;
mod background;
pub(super) mod calls;
pub(crate) mod compaction;
mod ending;
mod format;
mod habits;
pub(super) mod history;
pub(super) mod input;
mod keeper;
mod live;
mod replay;
mod request;
mod script;
mod standing;
mod tools;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use async_stream::stream;
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use cairn_kernel::{Clock, Error, Id, Kind, Result, ResultExt, Scope};
use cairn_services::Services;
use cairn_services::records::{Origin, ResponseRow};
use cairn_services::responses::{Beat, Beats};
use cairn_services::retrieve::Request as SearchRequest;
use cairn_wire::openai::{self as wire, InputTokens, List, ListQuery, ResponseRequest};
use futures::StreamExt;
use serde_json::{Value, json};

use super::convert::{Included, Listing, Paging};
use super::sse;
use crate::error::{self, ApiResult};
use crate::extract::{Caller, Json as Body, RequestId, Sticky};
use compaction::Missing;
pub(super) use ending::ending as ended;
use keeper::Keeper;
pub(crate) use live::Live;
use live::Running;
use request::Asked;
pub(super) use script::NEAREST;
use script::Script;
pub(super) use standing::Standing;
use standing::guarded;

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
    State(live): State<Live>,
    Caller(scope): Caller,
    RequestId(trace): RequestId,
    Sticky(sticky): Sticky,
    Body(request): Body<ResponseRequest>,
) -> ApiResult<Response> {
    let started = Instant::now();
    let now = Clock::system().now();
    let mut asked = request::read(request, now)?;
    format::check(&services, &asked)?;
    asked.sticky = sticky.or(asked.sticky);
    let sources = remember(&services, &scope, &mut asked, true).await?;
    let script = Script::new(asked.shell.clone(), asked.queries(), asked.include_results)
        .since(started)
        .followed(asked.stream || asked.shell.background)
        .explaining(asked.explain)
        .proving(asked.include_provenance)
        .noting(std::mem::take(&mut asked.notes));
    let keeper = Keeper {
        services: services.clone(),
        scope: scope.clone(),
        trace,
        store: asked.shell.store,
        begun: asked.shell.background,
        items: asked.input.items.clone(),
        sources,
        stores: asked.stores(),
        conversation: asked.conversation.clone(),
        created_at: now,
    };
    if asked.shell.background {
        return begin(&live, asked, script, keeper).await;
    }
    attached::read(&services, &scope, &mut asked).await?;
    let streamed = asked.stream;
    let beats = keeper.make(asked).await?;
    // The search is over before anything is sent, so what fails until then has a status.
    let beats = sse::read_ahead(beats, |beat| !matches!(beat, Beat::Searching)).await?;
    if streamed {
        return Ok(play(script, beats, keeper));
    }
    Ok(Json(whole(script, beats, &keeper).await?).into_response())
}

/// Puts what was said before in front of the question, and lets the search look for what
/// the question means there. Files that stand in it or before it are to be looked in, where it
/// is `answered`, and are read later. Returns what all of it rests on.
async fn remember(
    services: &Services,
    scope: &Scope,
    asked: &mut Asked,
    answered: bool,
) -> Result<Vec<Origin>> {
    let earlier = match (&asked.previous, &asked.conversation) {
        (Some(previous), _) => history::load(services, scope, previous, asked.truncate).await?,
        (None, Some(id)) => history::of_conversation(services, scope, id, asked.truncate).await?,
        (None, None) => history::Earlier::default(),
    };
    let history::Earlier { items: before, mut sources } = earlier;
    let before = compaction::open(services, scope, before, Missing::PassedOver, &mut sources);
    let before = before.await?;
    let own = asked.input.items.clone();
    let own = compaction::open(services, scope, own, Missing::Refused, &mut sources).await?;
    let earlier: Vec<Value> = before.iter().chain(asked.compacted(&own)).cloned().collect();
    asked.input.follow(before, own)?;
    // Before anything is read, so that the answer rests on what is deleted meanwhile too.
    let mut named = Vec::new();
    for item in &asked.input.items {
        history::collect_files(item, &mut named);
    }
    // A client may name what is not there, or is another's.
    let named = services.responses.files_among(scope, &named).await?;
    for file in named {
        Origin::add(&mut sources, Origin::of(file));
    }
    if answered {
        attached::choose(services, scope, asked, &earlier).await?;
    } else if asked.search.is_none() && !asked.input.files.is_empty() {
        // What is read before the search is counted without its passages, as over stores.
        asked.search = Some(SearchRequest::new(Vec::new(), asked.input.question.as_str(), 1));
    }
    if let Some(search) = &mut asked.search {
        let input = &asked.input;
        search.queries = services.answers.wordings(&input.question, &input.history);
    }
    Ok(sources)
}

/// Begins an answer that nobody waits for; with `stream`, its events are followed.
async fn begin(live: &Live, asked: Asked, script: Script, keeper: Keeper) -> ApiResult<Response> {
    let shell = asked.shell.clone();
    let streamed = asked.stream;
    let listed = live.list(&keeper.scope, &shell.id)?;
    keeper.begin(&shell).await?;
    let running = Arc::clone(&listed.running);
    let standing = Standing::new(&keeper.services, &keeper.scope);
    let tasks = keeper.services.tasks.clone();
    let shutdown = tasks.shutdown();
    tasks.spawn("background response", background::run(listed, asked, script, keeper, shutdown));
    if streamed {
        return Ok(followed(running, 0, standing));
    }
    Ok(Json(shell).into_response())
}

/// The events of an answer under way from number `next` on, as long as what they quote is there.
fn followed(running: Arc<Running>, next: usize, standing: Standing) -> Response {
    let quoting = Arc::clone(&running);
    let events = guarded(standing, move || quoting.quoted(), running.follow(next));
    sse::respond(events.map(|event| sse::named(&event)))
}

async fn whole(mut script: Script, mut beats: Beats, keeper: &Keeper) -> Result<wire::Response> {
    while let Some(beat) = beats.next().await {
        script.step(beat?);
        if let Some(response) = script.finished() {
            keeper.keep(&script).await?;
            return Ok(response.clone());
        }
    }
    Err(sse::cut_short())
}

fn play(mut script: Script, mut beats: Beats, keeper: Keeper) -> Response {
    let mut standing = Standing::new(&keeper.services, &keeper.scope);
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
            let quoted = || keeper.quoted(&script);
            if let Err(gone) = standing.check(script.files().len(), quoted).await {
                break gone;
            }
            // What is announced as complete is kept already.
            if let Err(failure) = keeper.keep(&script).await {
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

/// How many tokens a question would read, with the turns before it and the form of its answer; the
/// passages that a search would find are not among them.
#[utoipa::path(
    post,
    path = "/v1/responses/input_tokens",
    tag = "responses",
    request_body = ResponseRequest,
    responses((status = 200, body = InputTokens))
)]
pub(crate) async fn input_tokens(
    State(services): State<Services>,
    Caller(scope): Caller,
    RequestId(trace): RequestId,
    Body(request): Body<ResponseRequest>,
) -> ApiResult<Json<InputTokens>> {
    let mut asked = request::read(request, Clock::system().now())?;
    format::check(&services, &asked)?;
    remember(&services, &scope, &mut asked, false).await?;
    let counted = services.responses.count_tokens(&scope, asked.inquiry(&trace)).await;
    let input_tokens = counted.map_err(format::renamed)?;
    Ok(Json(InputTokens { object: "response.input_tokens", input_tokens }))
}

/// A kept answer, or with `stream` its events.
#[utoipa::path(
    get,
    path = "/v1/responses/{id}",
    tag = "responses",
    params(
        ("id" = String, Path),
        (
            "include[]" = Option<Vec<String>>,
            Query,
            description = "file_search_call.results, cairn.provenance"
        ),
        ("stream" = Option<bool>, Query, description = "the events instead of the object"),
        ("starting_after" = Option<u64>, Query, description = "number of the last event seen")
    ),
    responses((status = 200, body = wire::Response))
)]
pub(crate) async fn retrieve(
    State(services): State<Services>,
    State(live): State<Live>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    included: Included,
    Query(query): Query<BTreeMap<String, String>>,
) -> ApiResult<Response> {
    let row = services.responses.get(&scope, &Id::from_raw(id.as_str())).await?;
    let streamed = query.get("stream").is_some_and(|value| value != "false");
    let next = starting_after(query.get("starting_after").map(String::as_str))?;
    if !streamed {
        let mut body = shown(&row, included)?;
        if included.provenance && body["cairn"].is_object() {
            let id = Id::from_raw(id);
            body["cairn"]["provenance"] = match services.responses.provenance(&scope, &id).await {
                Err(none) if none.kind() == Kind::NotFound => Value::Null,
                found => found?,
            };
        }
        return Ok(Json(body).into_response());
    }
    if body(&row)?["object"] == compaction::OBJECT {
        let message = "a compaction has no events; leave out stream to read it";
        return Err(refused("stream", message).into());
    }
    let standing = Standing::new(&services, &scope);
    if let Some(running) = live.find(&scope, &id) {
        return Ok(followed(running, next, standing));
    }
    let id = Id::from_raw(id);
    let quoted = services.responses.sources(&scope, &id).await?;
    // It may have ended since it was read.
    let row = services.responses.get(&scope, &id).await?;
    let pieces: Vec<usize> = serde_json::from_str(&row.pieces).or_internal("reading a response")?;
    let events = replay::events(&shown(&row, included)?, &pieces).into_iter().skip(next);
    let events: Vec<Value> = events.collect();
    let events = guarded(standing, move || quoted.clone(), futures::stream::iter(events));
    Ok(sse::respond(events.map(|event| sse::named(&event))))
}

/// The number of the event to begin with.
fn starting_after(given: Option<&str>) -> Result<usize> {
    let Some(given) = given else { return Ok(0) };
    let last: usize = given.parse().map_err(|_| {
        refused("starting_after", format!("starting_after is '{given}' and no event's number"))
    })?;
    Ok(last.saturating_add(1))
}

fn body(row: &ResponseRow) -> Result<Value> {
    serde_json::from_str(&row.body).or_internal("reading a kept response")
}

/// A kept answer as it is shown: results of a search only to those who ask for them.
fn shown(row: &ResponseRow, included: Included) -> Result<Value> {
    let mut body = body(row)?;
    for item in body["output"].as_array_mut().into_iter().flatten() {
        included.show(item);
    }
    Ok(body)
}

/// Stops an answer that nobody waits for.
#[utoipa::path(
    post,
    path = "/v1/responses/{id}/cancel",
    tag = "responses",
    params(("id" = String, Path)),
    responses((status = 200, body = wire::Response))
)]
pub(crate) async fn cancel(
    State(services): State<Services>,
    State(live): State<Live>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<Value>> {
    let id = Id::from_raw(id);
    let row = services.responses.get(&scope, &id).await?;
    let mut cancelled = shown(&row, Included::default())?;
    if cancelled["background"] != true {
        return Err(refused("id", "only a background response can be cancelled").into());
    }
    cancelled["status"] = json!("cancelled");
    let text = cancelled.to_string();
    if services.responses.update(&scope, &id, "cancelled", &text).await? {
        if let Some(running) = live.find(&scope, id.as_str()) {
            running.stop();
        }
        return Ok(Json(cancelled));
    }
    // It ended before; asking again changes nothing.
    let row = services.responses.get(&scope, &id).await?;
    Ok(Json(shown(&row, Included::default())?))
}

/// Deletes a kept answer; one under way stops.
#[utoipa::path(
    delete,
    path = "/v1/responses/{id}",
    tag = "responses",
    params(("id" = String, Path)),
    responses((status = 200, body = wire::Deleted))
)]
pub(crate) async fn delete(
    State(services): State<Services>,
    State(live): State<Live>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<(StatusCode, Json<wire::Deleted>)> {
    services.responses.delete(&scope, &Id::from_raw(id.as_str())).await?;
    if let Some(running) = live.find(&scope, &id) {
        running.stop();
    }
    Ok((StatusCode::OK, Json(wire::Deleted { id, object: "response", deleted: true })))
}

/// What was asked.
#[utoipa::path(
    get,
    path = "/v1/responses/{id}/input_items",
    tag = "responses",
    params(
        ("id" = String, Path),
        ("include[]" = Option<Vec<String>>, Query, description = "file_search_call.results"),
        ListQuery
    ),
    responses((status = 200, body = List<Object>))
)]
pub(crate) async fn input_items(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    included: Included,
    Listing(query): Listing,
) -> ApiResult<Json<List<Value>>> {
    let paging = Paging::of(&query, 100, 20)?;
    let row = services.responses.get(&scope, &Id::from_raw(id)).await?;
    let mut items: Vec<Value> =
        serde_json::from_str(&row.input).or_internal("reading input items")?;
    items.iter_mut().for_each(|item| included.show(item));
    Ok(Json(paging.list(input::page(items, &paging.page)?, input::id)))
}

/// The refusal of what the field `name` asks for.
fn refused(name: &str, message: impl Into<String>) -> Error {
    Error::invalid(message).with_param(name)
}
