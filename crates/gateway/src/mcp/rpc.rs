//! JSON-RPC 2.0: what is posted, replies, and the codes of failures.

use axum::http::StatusCode;
use cairn_kernel::{Error, Kind};
use cairn_wire::mcp::{McpError, McpMessage, McpReply};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::Fields;
use crate::error;

/// The version of JSON-RPC.
pub(super) const VERSION: &str = "2.0";

/// Most messages that are sent at once.
const BATCH_MAX: usize = 16;

const PARSE: i64 = -32_700;
const INVALID_REQUEST: i64 = -32_600;
const METHOD_NOT_FOUND: i64 = -32_601;
const INVALID_PARAMS: i64 = -32_602;
const INTERNAL: i64 = -32_603;
/// What the protocol said of a missing resource before 2026-07-28.
pub(super) const RESOURCE_NOT_FOUND: i64 = -32_002;
const HEADER_MISMATCH: i64 = -32_020;
const UNSUPPORTED_VERSION: i64 = -32_022;

/// What is posted.
#[derive(Debug)]
pub(super) enum Posted {
    One(Message),
    Batch(Vec<Result<Message, Fault>>),
}

/// A request, or without an `id` a notification.
#[derive(Debug)]
pub(super) struct Message {
    pub(super) id: Option<Value>,
    pub(super) method: String,
    pub(super) params: Fields,
}

/// Why a request has no result.
#[derive(Debug, PartialEq)]
pub(super) struct Fault {
    code: i64,
    message: String,
    data: Option<Value>,
}

impl Fault {
    fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    /// What is no message of the protocol.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(INVALID_REQUEST, message)
    }

    pub(super) fn params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }

    pub(super) fn no_method(method: &str) -> Self {
        Self::new(
            METHOD_NOT_FOUND,
            format!(
                "the method '{method}' does not exist here; there are tools/list, tools/call, \
                 resources/list, resources/templates/list and resources/read"
            ),
        )
    }

    pub(super) fn mismatch(message: impl Into<String>) -> Self {
        Self::new(HEADER_MISMATCH, message)
    }

    pub(super) fn version(asked: &str, supported: &[&str]) -> Self {
        let data = serde_json::json!({"supported": supported, "requested": asked});
        let message = format!(
            "the protocol version '{asked}' is not spoken here; use one of {}",
            supported.join(", ")
        );
        Self { data: Some(data), ..Self::new(UNSUPPORTED_VERSION, message) }
    }

    /// A failure of ours, noted; `missing` is the code of what is not there.
    pub(super) fn of(failure: &Error, missing: Option<i64>) -> Self {
        error::note(failure);
        let code = match failure.kind() {
            Kind::NotFound => missing.unwrap_or(INVALID_PARAMS),
            Kind::Invalid => INVALID_PARAMS,
            Kind::Internal => INTERNAL,
            // The protocol has no code for it, and leaves these numbers to programs.
            kind => error::status(kind).as_u16().into(),
        };
        Self::new(code, error::message(failure))
    }

    /// The status of a reply with it.
    pub(super) fn status(&self) -> StatusCode {
        match self.code {
            METHOD_NOT_FOUND => StatusCode::NOT_FOUND,
            INTERNAL => StatusCode::INTERNAL_SERVER_ERROR,
            code => u16::try_from(code)
                .ok()
                .and_then(|code| StatusCode::from_u16(code).ok())
                .unwrap_or(StatusCode::BAD_REQUEST),
        }
    }
}

/// Reads what is posted.
///
/// # Errors
/// What is no JSON, or no request or notification of JSON-RPC.
pub(super) fn read(body: &[u8]) -> Result<Posted, Fault> {
    let posted: Value = serde_json::from_slice(body)
        .map_err(|fault| Fault::new(PARSE, format!("the body is no JSON: {fault}")))?;
    let Value::Array(messages) = posted else { return Ok(Posted::One(message(posted)?)) };
    if messages.is_empty() || messages.len() > BATCH_MAX {
        return Err(Fault::invalid(format!(
            "{} messages were sent at once; send one, or at most {BATCH_MAX}",
            messages.len()
        )));
    }
    Ok(Posted::Batch(messages.into_iter().map(message).collect()))
}

fn message(posted: Value) -> Result<Message, Fault> {
    let id = posted.get("id").cloned();
    let sound = |id: &Value| id.is_string() || id.is_i64() || id.is_u64();
    if id.as_ref().is_some_and(|id| !sound(id)) {
        return Err(Fault::invalid("the id of a request is a text or a whole number"));
    }
    let McpMessage { jsonrpc, method, params, .. } = serde_json::from_value(posted)
        .map_err(|fault| Fault::invalid(format!("this is no request or notification: {fault}")))?;
    if jsonrpc != VERSION {
        return Err(Fault::invalid(format!("jsonrpc is '{jsonrpc}'; send '{VERSION}'")));
    }
    Ok(Message { id, method, params: params.unwrap_or_default() })
}

/// Reads what a method takes.
///
/// # Errors
/// What does not fit.
pub(super) fn params<T: DeserializeOwned>(params: Fields) -> Result<T, Fault> {
    serde_json::from_value(Value::Object(params))
        .map_err(|fault| Fault::params(format!("the params do not fit: {fault}")))
}

/// A result as JSON.
///
/// # Errors
/// What cannot be written.
pub(super) fn written(result: &impl Serialize) -> Result<Value, Fault> {
    serde_json::to_value(result)
        .map_err(|fault| Fault::of(&Error::internal("writing a result").with_source(fault), None))
}

/// The reply with a result.
pub(super) fn replied(id: Value, result: Value) -> McpReply {
    McpReply { jsonrpc: VERSION, id, result: Some(result), error: None }
}

/// The reply with a failure.
pub(super) fn failed(id: Value, fault: Fault) -> McpReply {
    let Fault { code, message, data } = fault;
    let error = McpError { code, message, data };
    McpReply { jsonrpc: VERSION, id, result: None, error: Some(error) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn code(body: &[u8]) -> Option<i64> {
        read(body).err().map(|fault| fault.code)
    }

    #[test]
    fn a_request_and_a_notification_are_told_apart() -> Result<(), Fault> {
        for (body, id) in [
            (r#"{"jsonrpc":"2.0","id":5,"method":"ping"}"#, Some(json!(5))),
            (r#"{"jsonrpc":"2.0","id":"a","method":"ping","params":null}"#, Some(json!("a"))),
            (r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#, None),
        ] {
            let Posted::One(message) = read(body.as_bytes())? else { panic!("{body}") };
            assert_eq!((message.id, message.params.len()), (id, 0), "{body}");
        }
        Ok(())
    }

    #[test]
    fn what_is_no_message_is_refused() {
        assert_eq!(code(b"{\"jsonrpc\":"), Some(PARSE));
        for body in [
            "5",
            "{}",
            "[]",
            r#"{"jsonrpc":"2.0","id":1,"result":{}}"#,
            r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
            r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}"#,
        ] {
            assert_eq!(code(body.as_bytes()), Some(INVALID_REQUEST), "{body}");
        }
        let many = json!(vec![json!({"jsonrpc": "2.0", "id": 1, "method": "ping"}); BATCH_MAX + 1]);
        assert_eq!(code(many.to_string().as_bytes()), Some(INVALID_REQUEST));
    }

    #[test]
    fn one_bad_message_of_several_leaves_the_others() -> Result<(), Fault> {
        let body = json!([{"jsonrpc": "2.0", "id": 1, "method": "ping"}, 5]).to_string();
        let Posted::Batch(messages) = read(body.as_bytes())? else { panic!("{body}") };
        assert!(messages[0].is_ok() && messages[1].is_err());
        Ok(())
    }

    #[test]
    fn each_failure_has_a_code_and_a_status() {
        for (error, code, status) in [
            (Error::not_found("file 'x'"), INVALID_PARAMS, 400),
            (Error::invalid("no"), INVALID_PARAMS, 400),
            (Error::new(Kind::Exhausted, "later"), 429, 429),
            (Error::internal("a secret"), INTERNAL, 500),
        ] {
            let fault = Fault::of(&error, None);
            assert_eq!((fault.code, fault.status().as_u16()), (code, status), "{error}");
            assert!(!fault.message.contains("secret"), "{error}");
        }
        assert_eq!(Fault::of(&Error::not_found("x"), Some(RESOURCE_NOT_FOUND)).code, -32_002);
        assert_eq!(Fault::no_method("x").status(), StatusCode::NOT_FOUND);
    }
}
