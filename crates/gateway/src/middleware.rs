//! What happens to every request: an id, admission, a deadline, a count, headers.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use cairn_kernel::{Error, Id, Kind};
use tracing::Instrument;

use crate::App;
use crate::error::of_path;
use crate::extract::RequestId;
use crate::patience::Patience;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Longest request id taken over from a client.
const ID_MAX: usize = 64;

/// Gives the request its id and span, lets it in, and counts it.
pub(crate) async fn attend(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(request.headers().get(&REQUEST_ID).and_then(|value| value.to_str().ok()));
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    request.extensions_mut().insert(RequestId(id.clone()));
    let span = tracing::info_span!("request", id, %method, route);
    let in_flight = metrics::gauge!("cairn_http_requests_in_flight");
    in_flight.increment(1.0);
    let mut response = admit(&app, request, next).instrument(span.clone()).await;
    in_flight.decrement(1.0);
    let elapsed = started.elapsed().as_secs_f64();
    let status = response.status().as_u16().to_string();
    span.in_scope(|| tracing::debug!(status, seconds = elapsed, "answered"));
    let labels = [("route", route), ("method", method.as_str().to_owned()), ("status", status)];
    metrics::counter!("cairn_http_requests_total", &labels).increment(1);
    metrics::histogram!("cairn_http_request_seconds", &labels[..2]).record(elapsed);
    secure(&mut response, &id);
    response
}

async fn admit(app: &App, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let Ok(_admitted) = app.admission.try_acquire() else {
        let full = Error::new(Kind::Exhausted, "too many requests at once; try again in a second");
        return of_path(&path, full);
    };
    let (parts, body) = request.into_parts();
    let (patience, body) = Patience::with(body);
    let request = Request::from_parts(parts, body);
    match patience.wait(app.deadline, next.run(request)).await {
        Some(response) => response,
        None => {
            let late = format!("no answer within {} s", app.deadline.as_secs());
            of_path(&path, Error::new(Kind::Timeout, late))
        }
    }
}

/// The id a client gave, if it can be one, or a new one.
pub(crate) fn request_id(given: Option<&str>) -> String {
    let usable = |id: &&str| {
        !id.is_empty()
            && id.len() <= ID_MAX
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    given.filter(usable).map_or_else(|| Id::generate("req_").to_string(), str::to_owned)
}

fn secure(response: &mut Response, id: &str) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    let fixed = [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
    ];
    for (name, value) in fixed {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
}
