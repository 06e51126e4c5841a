//! The whole table of routes, one module for each protocol.

use axum::Router;
use axum::extract::{DefaultBodyLimit, OriginalUri, State};
use axum::http::{Method, StatusCode, header};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use cairn_kernel::{Error, Kind};
use cairn_monitor::Metrics;
use cairn_services::Services;
use serde_json::json;
use tower_http::catch_panic::CatchPanicLayer;

use crate::error::ApiError;
use crate::{App, cairn, console, middleware, oip, openai, openapi};

/// Everything the program answers.
pub fn router(app: App) -> Router {
    let body = usize::try_from(app.services.limits.body_bytes).unwrap_or(usize::MAX);
    Router::new()
        .route("/healthz", get(healthz))
        .route("/readyz", get(readyz))
        .route("/metrics", get(metrics))
        .route("/openapi.json", get(openapi::document))
        .merge(openai::routes())
        .merge(oip::routes())
        .merge(cairn::routes())
        .merge(console::routes())
        .fallback(nowhere)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(body))
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn_with_state(app.clone(), middleware::attend))
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

/// Metrics for Prometheus.
async fn metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], metrics.render())
}

async fn nowhere(OriginalUri(uri): OriginalUri) -> ApiError {
    let path = uri.path();
    ApiError(Error::new(
        Kind::NotFound,
        format!("there is nothing at '{path}'; GET /openapi.json lists what there is"),
    ))
}

async fn wrong_method(method: Method, OriginalUri(uri): OriginalUri) -> Response {
    let path = uri.path();
    let error = Error::invalid(format!(
        "'{path}' does not take {method}; GET /openapi.json lists what there is"
    ));
    let mut response = ApiError(error).into_response();
    *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
    response
}

#[expect(clippy::needless_pass_by_value, reason = "the layer hands the panic over")]
fn panicked(panic: Box<dyn std::any::Any + Send>) -> Response {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ApiError(Error::internal(format!("a handler panicked: {text}"))).into_response()
}
