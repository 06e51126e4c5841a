//! Our error to a response, in the shape of the protocol that was spoken.

use axum::Json;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use cairn_kernel::{Error, Kind};
use cairn_wire::oip::OipError;
use cairn_wire::openai::{ErrorBody, ErrorDetail};

/// A failed request in OpenAI's shape; also ours under `/cairn/v1`.
#[derive(Debug)]
pub(crate) struct ApiError(pub(crate) Error);

/// A failed request in the Open Inference Protocol's shape.
#[derive(Debug)]
pub(crate) struct InferError(pub(crate) Error);

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

/// The one table from kinds to statuses.
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
        response.headers_mut().insert("retry-after", HeaderValue::from_static("1"));
    }
    response
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let answer = (status(self.0.kind()), Json(body(&self.0))).into_response();
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
