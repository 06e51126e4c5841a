//! The whole table of routes, one module for each protocol.

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri, State};
use axum::http::{Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cairn_kernel::{Error, Kind};
use cairn_services::Services;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::{ApiError, of_panic, of_path};
use crate::{App, cairn, console, idempotency, mcp, measures, middleware, oip, openai, openapi};

/// Everything the program answers.
pub fn router(app: App) -> Router {
    let body = usize::try_from(app.services.limits.body_bytes).unwrap_or(usize::MAX);
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(measures::metrics))
        .route("/openapi.json", get(openapi::document))
        .merge(openai::routes())
        .merge(oip::routes())
        .merge(cairn::routes())
        .merge(mcp::routes())
        .merge(console::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(body))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), idempotency::once))
        .layer(from_fn_with_state(app.clone(), middleware::attend))
        .with_state(app)
}

/// Only the metrics, for a listener of their own.
pub(crate) fn metrics_router(app: App) -> Router {
    Router::new()
        .route("/metrics", get(measures::metrics))
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .with_state(app)
}

/// The process answers.
async fn healthz() -> &'static str {
    "ok"
}

/// It can serve: the records are open, the index agrees with them, and no stop was asked for.
async fn readyz(State(services): State<Services>) -> Response {
    if services.is_ready() {
        return axum::Json(json!({"ready": true})).into_response();
    }
    let reason = match services.is_draining() {
        true => "the server is stopping",
        false => "the search index is being checked",
    };
    let reason = json!({"ready": false, "reason": reason});
    (StatusCode::SERVICE_UNAVAILABLE, axum::Json(reason)).into_response()
}

async fn nowhere(OriginalUri(uri): OriginalUri) -> Response {
    let path = uri.path();
    let message = format!("there is nothing at '{path}'; GET /openapi.json lists what there is");
    of_path(path, Error::new(Kind::NotFound, message))
}

async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Response {
    let path = uri.path();
    let error = Error::invalid(format!(
        "'{path}' does not take {method}; GET /openapi.json lists what there is"
    ));
    let mut response = of_path(path, error);
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    ApiError(of_panic(panic.as_ref())).into_response()
}
