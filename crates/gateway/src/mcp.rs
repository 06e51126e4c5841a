//! The Model Context Protocol: `POST /mcp`, by which assistants and editors search and ask the
//! caller's documents.
//!
//! The transport is Streamable HTTP without a state: one message in, one JSON object out, no
//! session, no stream. Clients that begin with a handshake (2025-03-26 to 2025-11-25) and those that
//! say in every request what they speak (2026-07-28) are served alike ([`era`]). The key is that of
//! every other route, so each tool and resource is under the caller's scope with its access lists.
//!
//! This is written here and not taken from `rmcp`: what is left of the protocol without sessions,
//! streams and requests of the server's own is half a dozen methods over JSON, less than what it
//! takes to bring our scope, errors, request ids and limits into that crate's own HTTP service,
//! which carries a second schema system, macros and a session manager with it.

mod door;
mod era;
mod links;
mod places;
mod resources;
mod rpc;
mod server;
mod tools;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use cairn_kernel::{Error, Id, Kind, Scope};
use cairn_services::Services;
use cairn_services::records::{FileRow, TextRow};
use cairn_wire::mcp::{McpError, McpMessage, McpReply};
use serde_json::{Map, Value, json};

use crate::App;
use crate::error::McpFailure;
use crate::extract::{RequestId, Sticky};
use door::Entered;
use era::Era;
use links::Links;
use rpc::{Fault, Message, Posted};

/// Where it is.
pub(crate) const PATH: &str = "/mcp";

/// The one route; GET and DELETE, which are of sessions and streams, are 405.
pub(crate) fn routes() -> Router<App> {
    Router::new().route("/mcp", post(talk))
}

/// Takes a message of the Model Context Protocol.
#[utoipa::path(
    post,
    path = "/mcp",
    tag = "mcp",
    request_body = McpMessage,
    responses(
        (status = 200, body = McpReply),
        (status = 202, description = "A notification was taken")
    )
)]
pub(crate) async fn talk(
    State(services): State<Services>,
    Entered { scope, links }: Entered,
    RequestId(trace): RequestId,
    Sticky(sticky): Sticky,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Response {
    let visit = Visit { services, scope, links, trace, sticky };
    let body = match body {
        Ok(body) => body,
        Err(unread) => return McpFailure(unreadable(&unread)).into_response(),
    };
    match rpc::read(&body) {
        Ok(Posted::One(message)) => one(&visit, message, &headers).await,
        Ok(Posted::Batch(messages)) => batch(&visit, messages, &headers).await,
        Err(fault) => refused(fault),
    }
}

fn unreadable(unread: &BytesRejection) -> Error {
    let kind = match unread.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Kind::TooLarge,
        _ => Kind::Invalid,
    };
    Error::new(kind, format!("the body could not be read: {}", unread.body_text()))
}

/// Who calls, and with what.
struct Visit {
    services: Services,
    scope: Scope,
    links: Links,
    /// The request's id.
    trace: String,
    /// What keeps its version of the model from request to request.
    sticky: Option<String>,
}

impl Visit {
    /// A file and its text, where the caller's questions are answered from it. Who manages files
    /// may read others as well; their assistant reads what it can search.
    ///
    /// # Errors
    /// `NotFound` when there is no such file for this caller, or it was not read.
    async fn text(&self, file: &Id) -> Result<(FileRow, TextRow), Error> {
        if !self.services.responses.is_askable(&self.scope, file).await? {
            return Err(Error::not_found(format!("file '{file}'")));
        }
        self.services.files.text(&self.scope, file).await
    }
}

async fn one(visit: &Visit, message: Message, headers: &HeaderMap) -> Response {
    let Some(id) = message.id.clone() else {
        return match era::known(headers) {
            Ok(()) => StatusCode::ACCEPTED.into_response(),
            Err(fault) => refused(fault),
        };
    };
    let era = match era::of(&message, headers) {
        Ok(era) => era,
        Err(fault) => return (fault.status(), axum::Json(rpc::failed(id, fault))).into_response(),
    };
    match answered(visit, era, message).await {
        Ok(result) => axum::Json(rpc::replied(id, result)).into_response(),
        // Clients of the handshake take another status for the end of their session.
        Err(fault) if era == Era::Handshake => axum::Json(rpc::failed(id, fault)).into_response(),
        Err(fault) => (fault.status(), axum::Json(rpc::failed(id, fault))).into_response(),
    }
}

/// Answers what only clients of 2025-03-26 send: several messages at once, in their order.
async fn batch(
    visit: &Visit,
    messages: Vec<Result<Message, Fault>>,
    headers: &HeaderMap,
) -> Response {
    if let Err(fault) = era::takes_batches(headers) {
        return refused(fault);
    }
    let mut replies = Vec::new();
    for message in messages {
        let message = match message {
            Ok(message) => message,
            Err(fault) => {
                replies.push(rpc::failed(Value::Null, fault));
                continue;
            }
        };
        let Some(id) = message.id.clone() else { continue };
        let answered = match message.method.as_str() {
            "initialize" => Err(Fault::invalid("initialize stands alone; send it as one message")),
            _ => answered(visit, Era::Handshake, message).await,
        };
        replies.push(match answered {
            Ok(result) => rpc::replied(id, result),
            Err(fault) => rpc::failed(id, fault),
        });
    }
    match replies.is_empty() {
        true => StatusCode::ACCEPTED.into_response(),
        false => axum::Json(replies).into_response(),
    }
}

/// The refusal of what could not be read as a request.
fn refused(fault: Fault) -> Response {
    (fault.status(), axum::Json(rpc::failed(Value::Null, fault))).into_response()
}

/// A failure that stands for no request of a client's, as a body.
pub(crate) fn failure(code: StatusCode, message: &str) -> McpReply {
    let error = McpError { code: code.as_u16().into(), message: message.to_owned(), data: None };
    McpReply { jsonrpc: rpc::VERSION, id: Value::Null, result: None, error: Some(error) }
}

/// The result of a request: the table of methods.
async fn answered(visit: &Visit, era: Era, message: Message) -> Result<Value, Fault> {
    let Message { method, params, .. } = message;
    let result = match (method.as_str(), era) {
        ("initialize", Era::Handshake) => server::initialize(params)?,
        ("ping", Era::Handshake) => json!({}),
        ("server/discover", Era::Stated) => server::discover()?,
        ("tools/list", _) => rpc::written(&tools::list())?,
        ("tools/call", _) => tools::call(visit, params).await?,
        ("resources/list", _) => {
            resources::list(visit, rpc::params(params)?).await.map_err(|error| era.fault(&error))?
        }
        ("resources/templates/list", _) => rpc::written(&resources::templates())?,
        ("resources/read", _) => {
            resources::read(visit, rpc::params(params)?).await.map_err(|error| era.fault(&error))?
        }
        _ => return Err(Fault::no_method(&method)),
    };
    Ok(match result {
        Value::Object(result) => Value::Object(era.dressed(&method, result)),
        other => other,
    })
}

/// What stands in `_meta` of a result, and in `initialize`'s.
type Fields = Map<String, Value>;
