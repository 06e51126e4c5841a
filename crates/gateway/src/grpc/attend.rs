//! What happens to every call: an id, admission, authentication, a deadline, a count.

use std::future::Future;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::middleware::Next;
use cairn_kernel::{Error, Kind, Result, Scope, Shutdown};
use cairn_services::Services;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Request, Response, Status};
use tracing::Instrument as _;

use crate::App;
use crate::error;
use crate::extract::presented;
use crate::middleware::request_id;

const REQUEST_ID: &str = "x-request-id";
const STICKY: &str = "x-cairn-sticky";

/// The service: what the HTTP door has, and when to stop.
#[derive(Clone)]
pub(super) struct Door {
    app: App,
    shutdown: Shutdown,
}

/// A call that was let in.
pub(super) struct Call {
    pub(super) services: Services,
    pub(super) scope: Scope,
    /// The call's id, as in the log and the usage ledger.
    pub(super) id: String,
    /// What keeps its version of a model from call to call.
    pub(super) sticky: Option<String>,
}

/// How much before the client's deadline a call ends: at the deadline itself tonic would end
/// it, and calls it cancelled; no answer of that moment reaches the client in time anyway.
const EARLY: Duration = Duration::from_millis(2);

/// The methods that everyone may call.
const OPEN: [&str; 3] = ["/ServerLive", "/ServerReady", "/ServerMetadata"];

/// Looks at the key before the message is read, so that strangers cost no memory.
pub(super) async fn knock(
    State(door): State<Door>,
    request: axum::extract::Request,
    next: Next,
) -> axum::response::Response {
    let path = request.uri().path();
    if !OPEN.iter().any(|method| path.ends_with(method)) {
        let headers = request.headers().clone();
        let header = |name: &str| headers.get(name)?.to_str().ok();
        let (key, id) = (presented(header).to_owned(), request_id(header(REQUEST_ID)));
        if let Err(error) = door.app.services.accounts.authenticate(&key).await {
            return refusal(&id, &error).into_http();
        }
    }
    next.run(request).await
}

/// Ends a call at the client's deadline, if it set one, and drops what runs for it.
pub(super) async fn hasten(
    request: axum::extract::Request,
    next: Next,
) -> axum::response::Response {
    let headers = request.headers();
    let header = |name: &str| headers.get(name)?.to_str().ok();
    let (wanted, id) = (header("grpc-timeout").and_then(timeout), request_id(header(REQUEST_ID)));
    let Some(deadline) = wanted else { return next.run(request).await };
    let work = tokio::time::timeout(deadline.saturating_sub(EARLY), next.run(request));
    work.await.unwrap_or_else(|_| {
        let late = format!("no answer within the client's deadline of {deadline:?}");
        refusal(&id, &Error::new(Kind::Timeout, late)).into_http()
    })
}

/// The duration of a `grpc-timeout` header: up to eight digits and a unit.
/// Source: gRPC over HTTP/2, "Requests".
fn timeout(header: &str) -> Option<Duration> {
    let (digits, unit) = header.split_at_checked(header.len().checked_sub(1)?)?;
    let plain = (1..=8).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
    let amount: u64 = plain.then(|| digits.parse().ok())??;
    Some(match unit {
        "H" => Duration::from_secs(amount * 3_600),
        "M" => Duration::from_secs(amount * 60),
        "S" => Duration::from_secs(amount),
        "m" => Duration::from_millis(amount),
        "u" => Duration::from_micros(amount),
        "n" => Duration::from_nanos(amount),
        _ => return None,
    })
}

/// A panic becomes this call's failure.
#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
pub(super) fn panicked(panic: Box<dyn std::any::Any + Send>) -> axum::response::Response {
    refusal("", &crate::error::of_panic(panic.as_ref())).into_http()
}

impl Door {
    pub(super) fn new(app: App, shutdown: Shutdown) -> Self {
        Self { app, shutdown }
    }

    pub(super) fn shutdown(&self) -> Shutdown {
        self.shutdown.clone()
    }

    /// A call that everyone may make.
    pub(super) async fn open<Q, A>(
        &self,
        method: &'static str,
        request: Request<Q>,
        work: impl FnOnce(&Services) -> Result<A>,
    ) -> Result<Response<A>, Status> {
        let id = id(request.metadata());
        let services = &self.app.services;
        respond(&id, self.watch(method, &id, async { work(services) }).await)
    }

    /// A call of an authenticated caller.
    pub(super) async fn attend<Q, A, F>(
        &self,
        method: &'static str,
        request: Request<Q>,
        work: impl FnOnce(Call, Q) -> F,
    ) -> Result<Response<A>, Status>
    where
        F: Future<Output = Result<A>>,
    {
        let (metadata, _, message) = request.into_parts();
        let (id, answer) = self.perform(method, &metadata, message, work).await?;
        respond(&id, Ok(answer))
    }

    /// The same for one message of a stream, with the call's id. The key is looked at
    /// for each message: one that was revoked stops at once.
    pub(super) async fn perform<Q, A, F>(
        &self,
        method: &'static str,
        metadata: &MetadataMap,
        message: Q,
        work: impl FnOnce(Call, Q) -> F,
    ) -> Result<(String, A), Status>
    where
        F: Future<Output = Result<A>>,
    {
        let id = id(metadata);
        let done = self.watch(method, &id, async {
            let scope = self.authenticate(metadata).await?;
            let sticky = metadata.get(STICKY).and_then(|key| key.to_str().ok());
            let call = Call {
                services: self.app.services.clone(),
                scope,
                id: id.clone(),
                sticky: sticky.filter(|key| !key.is_empty()).map(str::to_owned),
            };
            work(call, message).await
        });
        match done.await {
            Ok(answer) => Ok((id, answer)),
            Err(error) => Err(refusal(&id, &error)),
        }
    }

    /// Authenticates the opening of a stream.
    pub(super) async fn admit(&self, metadata: &MetadataMap) -> Result<(), Status> {
        let refused = self.authenticate(metadata).await.err();
        refused.map_or(Ok(()), |error| Err(refusal(&id(metadata), &error)))
    }

    async fn authenticate(&self, metadata: &MetadataMap) -> Result<Scope> {
        let presented = presented(|name| metadata.get(name)?.to_str().ok());
        self.app.services.accounts.authenticate(presented).await
    }

    async fn watch<A>(
        &self,
        method: &'static str,
        id: &str,
        work: impl Future<Output = Result<A>>,
    ) -> Result<A> {
        let mut counted = Counted::begin(method);
        let span = tracing::info_span!("call", id, method);
        let done = self.bound(work).instrument(span).await;
        counted.code =
            done.as_ref().map_or_else(|error| error::code(error.kind()), |_| tonic::Code::Ok);
        done
    }

    async fn bound<A>(&self, work: impl Future<Output = Result<A>>) -> Result<A> {
        let Ok(_admitted) = self.app.admission.try_acquire() else {
            let full = "too many requests at once; try again in a second";
            return Err(Error::new(Kind::Exhausted, full));
        };
        tokio::time::timeout(self.app.deadline, work).await.unwrap_or_else(|_| {
            let late = format!("no answer within {} s", self.app.deadline.as_secs());
            Err(Error::new(Kind::Timeout, late))
        })
    }
}

/// A call in flight, counted when it is over. One that is dropped, at its client's deadline
/// or with its connection, counts as cancelled.
struct Counted {
    method: &'static str,
    started: Instant,
    code: tonic::Code,
}

impl Counted {
    fn begin(method: &'static str) -> Self {
        metrics::gauge!("cairn_grpc_requests_in_flight").increment(1.0);
        Self { method, started: Instant::now(), code: tonic::Code::Cancelled }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("cairn_grpc_requests_in_flight").decrement(1.0);
        let labels = [("method", self.method.to_owned()), ("code", format!("{:?}", self.code))];
        metrics::counter!("cairn_grpc_requests_total", &labels).increment(1);
        metrics::histogram!("cairn_grpc_request_seconds", &labels[..1])
            .record(self.started.elapsed().as_secs_f64());
    }
}

fn id(metadata: &MetadataMap) -> String {
    request_id(metadata.get(REQUEST_ID).and_then(|value| value.to_str().ok()))
}

fn respond<A>(id: &str, done: Result<A>) -> Result<Response<A>, Status> {
    let mut response = done.map(Response::new).map_err(|error| refusal(id, &error))?;
    stamp(response.metadata_mut(), id);
    Ok(response)
}

/// An error as a status; logged and counted here, at the edge.
fn refusal(id: &str, failure: &Error) -> Status {
    error::note(failure);
    let mut status = Status::new(error::code(failure.kind()), error::message(failure));
    stamp(status.metadata_mut(), id);
    status
}

fn stamp(metadata: &mut MetadataMap, id: &str) {
    if let Ok(value) = MetadataValue::try_from(id) {
        metadata.insert(REQUEST_ID, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_read_in_every_unit_and_others_are_none() {
        let read = ["2H", "3M", "4S", "5m", "6u", "7n", "99999999m"].map(timeout);
        let seconds = [7_200.0, 180.0, 4.0, 0.005, 6e-6, 7e-9, 99_999.999];
        assert_eq!(read, seconds.map(|s| Some(Duration::from_secs_f64(s))));
        for other in ["", "m", "5", "5x", "-5m", "+5m", "123456789S", "5µ"] {
            assert_eq!(timeout(other), None, "{other}");
        }
    }
}
