//! The header `Idempotency-Key`: a retry under the same key gets the same answer.
//!
//! The `openai` package sends POSTs again by itself, without a key, when no answer came in
//! time. Where that would make things twice, a try with `x-stainless-retry-count` above 0
//! gets the answer that the try before could not deliver. Of questions those are recognised
//! that add a turn to a conversation, and those that are answered with nobody waiting: a try
//! waits for the one before and gets its answer. Others change nothing that a client sees, and
//! end when it goes away.
//!
//! The request is read whole and recognised by its content, whatever boundary its form has
//! this time; a form with a key lies on the disk meanwhile. It is then answered to the end even if
//! its client goes away, for that client will ask again; a stream without a key ends with its client
//! once it has begun. An answer is remembered before it is given, a stream when it has ended, which is
//! given on as it comes ([`overheard`]).

mod overheard;
mod spool;

use std::collections::BTreeMap;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use cairn_kernel::{Error, Kind, Result, ResultExt as _, Scope, Tasks};
use cairn_services::idempotency::{Begun, Claim, IN_PROGRESS, Print};
use cairn_services::records::RememberedRow;
use cairn_services::room::Place;
use futures::StreamExt as _;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::oneshot;

use crate::App;
use crate::error::{self, ApiError};
use crate::extract::{announced, presented};
use overheard::overhear;
use spool::{Spooled, spool};

/// What a form has besides its file.
const OVERHEAD: u64 = 1 << 20;
/// Largest answer that is remembered.
const ANSWER_MAX: usize = 16 << 20;
/// Headers of an answer that are given again with it.
const REPEATED: [&str; 2] = ["content-type", "openai-poll-after-ms"];
/// Says that an answer was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");

/// A request of so many bytes needs no room of its own.
const SMALL: u64 = 1 << 20;
/// Largest request that is recognised without a key.
const KEYLESS_MAX: u64 = 16 << 20;
/// What makes things: its POSTs are recognised without a key.
const MAKING: [&str; 4] = ["/v1/files", "/v1/uploads", "/v1/vector_stores", "/v1/conversations"];

/// Where questions are put.
const ASKING: &str = "/v1/responses";
/// How often a try looks whether the one before has ended.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How a request may be recognised.
enum Mark {
    /// By its key.
    Key(String),
    /// By itself; so often was it sent before.
    Tries(u32),
    /// The same, if it is a question of which something stays.
    Turn(u32),
}

/// Which answers are remembered.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Remembered {
    /// Those that nobody takes.
    Untaken,
    /// All, but streams only if they are heard to their end.
    Heard,
    /// All.
    All,
}

/// What of a question stays.
#[derive(Deserialize)]
struct Turn {
    conversation: Option<Value>,
    background: Option<Value>,
}

/// Answers requests that may come again once; others go on as they are.
pub(crate) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    match mark(&request) {
        Some(mark) => {
            let answered = attend(&app, &mark, request, next).await;
            answered.unwrap_or_else(|refused| ApiError(refused).into_response())
        }
        None => next.run(request).await,
    }
}

fn mark(request: &Request) -> Option<Mark> {
    let path = request.uri().path();
    // Keys show a secret in their answer, and other routes have their own protocols.
    if request.method() != Method::POST || !path.starts_with("/v1/") {
        return None;
    }
    let header = |name: &str| request.headers().get(name);
    if let Some(key) = header("idempotency-key") {
        return Some(Mark::Key(key.to_str().unwrap_or_default().to_owned()));
    }
    let tries = header("x-stainless-retry-count")?.to_str().ok()?.parse().ok()?;
    if path == ASKING {
        return Some(Mark::Turn(tries));
    }
    let making = MAKING.iter().any(|start| path.starts_with(start)) && !path.ends_with("/search");
    making.then_some(Mark::Tries(tries))
}

async fn attend(app: &App, mark: &Mark, request: Request, next: Next) -> Result<Response> {
    let (parts, body) = request.into_parts();
    let credentials = presented(|name| parts.headers.get(name)?.to_str().ok());
    // Who is unknown is told so by the route itself.
    let Ok(scope) = app.services.accounts.authenticate(credentials).await else {
        return Ok(next.run(Request::from_parts(parts, body)).await);
    };
    let came = match (mark, boundary(&parts)) {
        (Mark::Key(_), Some(boundary)) => take_form(app, &parts, body, &boundary).await?,
        _ => take_whole(app, mark, &parts, body).await?,
    };
    let (print, body, place) = match came {
        Came::Whole { print, body, place } => (print, body, place),
        Came::Passing(body) => return Ok(next.run(Request::from_parts(parts, body)).await),
    };
    let path = parts.uri.path().to_owned();
    let keys = &app.services.idempotency;
    let begun = match mark {
        Mark::Key(key) => Some(keys.begin(&scope, key, &path, print).await?),
        Mark::Tries(tries) => keys.retry(&scope, &path, print, *tries).await?,
        Mark::Turn(tries) => turn(app, &scope, &path, print, *tries).await?,
    };
    let request = Request::from_parts(parts, body);
    match begun {
        Some(Begun::Known(known)) => replay(known),
        Some(Begun::New(claim)) => {
            let which = match mark {
                Mark::Key(_) => Remembered::All,
                Mark::Turn(_) => Remembered::Heard,
                Mark::Tries(_) => Remembered::Untaken,
            };
            finish(app, (request, place), next, (claim, which)).await
        }
        None => Ok(next.run(request).await),
    }
}

/// A request that has come.
enum Came {
    /// All of it: what tells it from others, and where it is in memory if it takes much.
    Whole { print: String, body: Body, place: Option<Place> },
    /// It is not recognised, and goes on as it is.
    Passing(Body),
}

/// Takes a form with a key in, by way of the disk.
async fn take_form(app: &App, parts: &Parts, body: Body, boundary: &str) -> Result<Came> {
    let most = app.services.limits.upload_bytes.saturating_add(OVERHEAD);
    if announced(&parts.headers).is_some_and(|bytes| bytes > most) {
        // It is refused for its size anyway.
        return Ok(Came::Passing(body));
    }
    let print = Print::new(&place_of(parts), boundary);
    Ok(match spool(body, most, &app.services.scratch, print).await? {
        Spooled::All(body, print) => Came::Whole { print, body, place: None },
        Spooled::TooMuch(body) => Came::Passing(body),
    })
}

/// Takes another request in, in memory.
async fn take_whole(app: &App, mark: &Mark, parts: &Parts, body: Body) -> Result<Came> {
    let most = match mark {
        Mark::Key(_) => app.services.limits.body_bytes.saturating_add(OVERHEAD),
        Mark::Tries(_) | Mark::Turn(_) => KEYLESS_MAX,
    };
    let announced = announced(&parts.headers);
    if announced.is_some_and(|bytes| bytes > most) {
        // It is worth no memory: one with a key is refused for its size anyway.
        return Ok(Came::Passing(body));
    }
    let mut place = match announced {
        Some(small) if small <= SMALL => None,
        _ if matches!(mark, Mark::Key(_)) => Some(app.room.take(announced.unwrap_or(most)).await?),
        _ => Some(app.retries.take(announced.unwrap_or(most)).await?),
    };
    let bytes = match read(body, usize::try_from(most).unwrap_or(usize::MAX)).await? {
        Whole::All(bytes) => bytes,
        Whole::TooMuch(body) => return Ok(Came::Passing(body)),
    };
    match &mut place {
        Some(place) if bytes.len() as u64 > SMALL => place.shrink(bytes.len() as u64),
        place => *place = None,
    }
    if matches!(mark, Mark::Turn(_)) && !stays(&bytes) {
        return Ok(Came::Passing(Body::from(bytes)));
    }
    let print = fingerprint(parts, &bytes).await?;
    Ok(Came::Whole { print, body: Body::from(bytes), place })
}

/// Whether something of a question stays that another try would make twice.
fn stays(body: &[u8]) -> bool {
    let asked = serde_json::from_slice::<Turn>(body);
    asked.is_ok_and(|asked| {
        asked.conversation.is_some() || asked.background == Some(Value::Bool(true))
    })
}

/// A question that is put for the first time, or again when the try before has ended. All
/// requests have a deadline, which ends the wait too.
async fn turn(
    app: &App,
    scope: &Scope,
    path: &str,
    print: String,
    tries: u32,
) -> Result<Option<Begun>> {
    loop {
        match app.services.idempotency.turn(scope, path, print.clone(), tries).await {
            Err(busy) if busy.code() == Some(IN_PROGRESS) => tokio::time::sleep(LOOK_EVERY).await,
            begun => return begun,
        }
    }
}

enum Whole {
    All(Bytes),
    TooMuch(Body),
}

async fn read(body: Body, most: usize) -> Result<Whole> {
    let mut rest = body.into_data_stream();
    let mut held = BytesMut::new();
    while let Some(piece) = rest.next().await {
        let piece = piece.map_err(|cause| {
            Error::new(Kind::Invalid, "the body could not be read").with_source(cause)
        })?;
        held.extend_from_slice(&piece);
        if held.len() > most {
            let begin = futures::stream::iter([Ok(held.freeze())]);
            return Ok(Whole::TooMuch(Body::from_stream(begin.chain(rest))));
        }
    }
    Ok(Whole::All(held.freeze()))
}

/// What tells this request from another one: method, place and content. A form's boundary
/// is made anew for every try, so it is taken out.
async fn fingerprint(parts: &Parts, body: &Bytes) -> Result<String> {
    let (place, boundary) = (place_of(parts), boundary(parts));
    let body = body.clone();
    let hash = move || {
        let mut pieces = vec![place.as_bytes()];
        pieces.extend(between(&body, boundary.as_deref().unwrap_or_default().as_bytes()));
        cairn_services::idempotency::fingerprint(&pieces)
    };
    tokio::task::spawn_blocking(hash).await.or_internal("hashing a request")
}

fn place_of(parts: &Parts) -> String {
    format!("{} {}", parts.method, parts.uri)
}

/// What parts a form.
fn boundary(parts: &Parts) -> Option<String> {
    let kind = parts.headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let (_, rest) = kind.split_once("boundary=")?;
    Some(rest.split(';').next().unwrap_or_default().trim().trim_matches('"').to_owned())
}

/// What stands between the boundaries.
fn between<'b>(body: &'b [u8], boundary: &[u8]) -> Vec<&'b [u8]> {
    let (mut pieces, mut rest) = (Vec::new(), body);
    if !boundary.is_empty() {
        while let Some(at) = rest.windows(boundary.len()).position(|some| some == boundary) {
            pieces.push(&rest[..at]);
            rest = &rest[at + boundary.len()..];
        }
    }
    pieces.push(rest);
    pieces
}

/// Answers among the program's tasks, so that a client that goes away changes nothing.
async fn finish(
    app: &App,
    (request, place): (Request, Option<Place>),
    next: Next,
    (claim, which): (Claim, Remembered),
) -> Result<Response> {
    let (tell, told) = oneshot::channel();
    let (deadline, tasks) = (app.deadline, app.services.tasks.clone());
    app.services.tasks.spawn("request that may come again", async move {
        let answer = match tokio::time::timeout(deadline, next.run(request)).await {
            Ok(response) => response,
            Err(_) => {
                let late = format!("no answer within {} s", deadline.as_secs());
                ApiError(Error::new(Kind::Timeout, late)).into_response()
            }
        };
        drop(place);
        if which != Remembered::Untaken {
            // Nobody may be there to hear it.
            let _ = tell.send(remember(&tasks, answer, claim, which).await);
        } else if let Err(Ok(untaken)) = tell.send(Ok(answer))
            && let Err(lost) = remember(&tasks, untaken, claim, which).await
        {
            error::note(&lost);
        }
    });
    told.await.map_err(|_| Error::internal("a request that may come again was lost"))?
}

async fn remember(
    tasks: &Tasks,
    response: Response,
    claim: Claim,
    which: Remembered,
) -> Result<Response> {
    if !response.status().is_success() {
        return Ok(response);
    }
    let (parts, body) = response.into_parts();
    let status = parts.status.as_u16();
    let headers = repeated(&parts.headers);
    let streamed = parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"));
    if streamed {
        let keep = move |heard| keep(claim, status, headers, heard);
        let body = overhear(tasks, body, which == Remembered::All, keep);
        return Ok(Response::from_parts(parts, body));
    }
    let bytes = axum::body::to_bytes(body, usize::MAX)
        .await
        .map_err(|cause| Error::internal("reading an answer").with_source(cause))?;
    if bytes.len() <= ANSWER_MAX {
        keep(claim, status, headers, bytes.to_vec()).await;
    } else {
        tracing::warn!(bytes = bytes.len(), "an answer is too large to be remembered");
    }
    Ok(Response::from_parts(parts, Body::from(bytes)))
}

/// An answer that cannot be remembered is given all the same.
async fn keep(claim: Claim, status: u16, headers: String, body: Vec<u8>) {
    if let Err(unkept) = claim.answered(status, headers, body).await {
        error::note(&unkept);
    }
}

fn repeated(headers: &axum::http::HeaderMap) -> String {
    let text = |name: &str| headers.get(name)?.to_str().ok().map(str::to_owned);
    let kept: BTreeMap<&str, String> =
        REPEATED.iter().filter_map(|name| Some((*name, text(name)?))).collect();
    serde_json::json!(kept).to_string()
}

fn replay(known: RememberedRow) -> Result<Response> {
    let headers: BTreeMap<String, String> = serde_json::from_str(&known.headers)
        .map_err(|cause| Error::internal("reading a remembered answer").with_source(cause))?;
    let mut response = Response::new(Body::from(known.body));
    let status = u16::try_from(known.status).ok().and_then(|code| StatusCode::from_u16(code).ok());
    *response.status_mut() = status.unwrap_or(StatusCode::OK);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn print(boundary: &str, text: &str) -> Result<String> {
        let kind = format!("multipart/form-data; boundary={boundary}");
        let request =
            Request::post("/v1/files").header("content-type", kind).body(()).expect("one");
        let body = format!("--{boundary}\r\n\r\n{text}\r\n--{boundary}--\r\n");
        fingerprint(&request.into_parts().0, &Bytes::from(body)).await
    }

    #[tokio::test]
    async fn a_form_is_the_same_under_another_boundary() -> Result<()> {
        assert_eq!(print("aaaa", "hello").await?, print("bbbbbb", "hello").await?);
        assert_ne!(print("aaaa", "hello").await?, print("aaaa", "hullo").await?);
        Ok(())
    }

    #[test]
    fn a_question_stays_in_a_conversation_or_in_the_background() {
        for (body, expected) in [
            (r#"{"input": "Who?", "conversation": "conv_1"}"#, true),
            (r#"{"input": "Who?", "conversation": {"id": "conv_1"}}"#, true),
            (r#"{"input": "Who?", "background": true}"#, true),
            (r#"{"input": "Who?", "conversation": null, "background": false}"#, false),
            (r#"{"input": "Who?"}"#, false),
            ("no JSON", false),
        ] {
            assert_eq!(stays(body.as_bytes()), expected, "{body}");
        }
    }

    #[tokio::test]
    async fn a_body_over_the_limit_loses_nothing() -> Result<()> {
        let pieces = ["abc", "def", "ghi"].map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures::stream::iter(pieces));
        let Whole::TooMuch(body) = read(body, 4).await? else { panic!("it is over the limit") };
        let bytes = axum::body::to_bytes(body, 100).await.expect("all of it");
        assert_eq!(bytes.as_ref(), b"abcdefghi");
        Ok(())
    }
}
