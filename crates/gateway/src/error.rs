//! Our error to a response, in the shape of the protocol that was spoken.

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cairn_kernel::{Error, Kind};
use cairn_wire::oip::OipError;
use cairn_wire::openai::{ErrorBody, ErrorDetail};

use crate::mcp;

/// A failed request in OpenAI's shape; also ours under `/cairn/v1`.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Error);

/// A failed request in the Open Inference Protocol's shape.
#[derive(Debug)]
pub(crate) struct InferError(pub(crate) Error);

/// A failed request of the Model Context Protocol's, in JSON-RPC's shape.
#[derive(Debug)]
pub(crate) struct McpFailure(pub(crate) Error);

/// What a handler returns.
pub(crate) type ApiResult<T> = std::result::Result<T, ApiError>;

impl From<Error> for ApiError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

impl From<Error> for InferError {
    fn from(error: Error) -> Self {
        Self(error)
    }
}

/// The one table from kinds to HTTP statuses; [`code`] is gRPC's.
pub(crate) fn status(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::Unsupported => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Exhausted => StatusCode::TOO_MANY_REQUESTS,
        Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Timeout => StatusCode::GATEWAY_TIMEOUT,
        Kind::Cancelled | Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The one table from kinds to gRPC codes. Only codes that clients may retry stand for
/// kinds that are worth it.
pub(crate) fn code(kind: Kind) -> tonic::Code {
    match kind {
        Kind::Invalid | Kind::Unsupported | Kind::Unprocessable => tonic::Code::InvalidArgument,
        Kind::TooLarge => tonic::Code::OutOfRange,
        Kind::Unauthenticated => tonic::Code::Unauthenticated,
        Kind::Forbidden => tonic::Code::PermissionDenied,
        Kind::NotFound => tonic::Code::NotFound,
        Kind::Conflict => tonic::Code::FailedPrecondition,
        Kind::Exhausted => tonic::Code::ResourceExhausted,
        Kind::Unavailable => tonic::Code::Unavailable,
        Kind::Timeout => tonic::Code::DeadlineExceeded,
        Kind::Cancelled => tonic::Code::Cancelled,
        Kind::Internal => tonic::Code::Internal,
    }
}

/// OpenAI's class of error.
fn class(kind: Kind) -> &'static str {
    match kind {
        Kind::Unauthenticated => "authentication_error",
        Kind::Forbidden => "permission_error",
        Kind::Exhausted => "rate_limit_error",
        Kind::Unavailable | Kind::Timeout | Kind::Internal | Kind::Cancelled => "server_error",
        _ => "invalid_request_error",
    }
}

/// The message for the client: an internal one says nothing of our insides.
pub(crate) fn message(error: &Error) -> &str {
    match error.kind() {
        Kind::Internal => {
            "the server failed at this request; send it again, and quote the x-request-id if it fails again"
        }
        _ => error.message(),
    }
}

/// The body in OpenAI's shape; also what an `error` event of a stream carries.
pub(crate) fn body(error: &Error) -> ErrorBody {
    ErrorBody {
        error: ErrorDetail {
            message: message(error).to_owned(),
            kind: class(error.kind()),
            param: error.param().map(str::to_owned),
            code: error.code().map(str::to_owned),
        },
    }
}

/// Logs and counts a failure, once, here at the edge.
pub(crate) fn note(error: &Error) {
    metrics::counter!("cairn_errors_total", "kind" => error.kind().name()).increment(1);
    if error.kind() == Kind::Internal {
        tracing::error!(error = %error.detail(), "request failed");
    } else {
        tracing::info!(kind = error.kind().name(), error = %error.detail(), "request refused");
    }
}

fn finish(error: &Error, mut response: Response) -> Response {
    note(error);
    if error.kind().retryable() {
        let seconds = error.retry_after().map_or(1, |wait| wait.as_secs().max(1));
        response.headers_mut().insert("retry-after", HeaderValue::from(seconds));
    }
    response
}

/// What a handler's panic is to its client and to the log.
pub(crate) fn of_panic(panic: &(dyn std::any::Any + Send)) -> Error {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    Error::internal(format!("a handler panicked: {text}"))
}

/// An error where no handler is that would know the protocol: the path tells it.
pub(crate) fn of_path(path: &str, error: Error) -> Response {
    if path == mcp::PATH {
        return McpFailure(error).into_response();
    }
    let inference = path == "/v2" || path.starts_with("/v2/");
    // Cohere's rerank has that prefix too.
    match inference && path != "/v2/rerank" {
        true => InferError(error).into_response(),
        false => ApiError(error).into_response(),
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let answer = (status(self.0.kind()), Json(body(&self.0))).into_response();
        finish(&self.0, answer)
    }
}

impl IntoResponse for McpFailure {
    fn into_response(self) -> Response {
        let code = status(self.0.kind());
        let answer = (code, Json(mcp::failure(code, message(&self.0)))).into_response();
        finish(&self.0, answer)
    }
}

impl IntoResponse for InferError {
    fn into_response(self) -> Response {
        let text = OipError { error: message(&self.0).to_owned() };
        let answer = (status(self.0.kind()), Json(text)).into_response();
        finish(&self.0, answer)
    }
}
