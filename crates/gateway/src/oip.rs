//! The Open Inference Protocol v2 over REST, with the binary tensors and Triton's
//! extensions: statistics, model configuration, model repository, classification,
//! generation. [`crate::grpc`] is the same over gRPC, by the same functions.
//!
//! In JSON, `null` stands for NaN in floating-point tensors, in both directions.

pub(crate) mod binary;
mod body;
pub(crate) mod classify;
mod convert;
pub(crate) mod describe;
pub(crate) mod execute;
pub(crate) mod generate;
pub(crate) mod repository;
pub(crate) mod statistics;

use axum::Router;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cairn_kernel::{Error, Result, ResultExt as _, Scope};
use cairn_services::Services;
use cairn_wire::oip::{
    InferRequest, InferResponse, ModelConfig, ModelMetadata, ModelReady, ServerHealth,
    ServerMetadata,
};

use crate::App;
use crate::error::InferError;
use crate::extract::{Caller, RequestId, Sticky, parse};
use body::Body;
use execute::Target;

const HEADER_LENGTH: &str = "inference-header-content-length";

pub(crate) fn routes() -> Router<App> {
    let of_model = |path: &str, method: axum::routing::MethodRouter<App>| {
        Router::new()
            .route(&format!("/v2/models/{{model}}{path}"), method.clone())
            .route(&format!("/v2/models/{{model}}/versions/{{version}}{path}"), method)
    };
    Router::new()
        .route("/v2", get(server))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/stats", get(statistics::all))
        .merge(of_model("", get(metadata)))
        .merge(of_model("/ready", get(model_ready)))
        .merge(of_model("/infer", post(infer)))
        .merge(of_model("/config", get(config)))
        .merge(of_model("/stats", get(statistics::one)))
        .merge(of_model("/generate", post(generate::whole)))
        .merge(of_model("/generate_stream", post(generate::streamed)))
        .route("/v2/repository/index", post(repository::index))
        .route("/v2/repository/models/{model}/load", post(repository::load))
        .route("/v2/repository/models/{model}/unload", post(repository::unload))
}

/// What the server is, on either wire.
pub(crate) fn about() -> ServerMetadata {
    ServerMetadata {
        name: "cairn",
        version: env!("CARGO_PKG_VERSION"),
        extensions: vec![
            "binary_tensor_data",
            "classification",
            "generate",
            "model_configuration",
            "model_repository",
            "model_repository(unload_dependents)",
            "statistics",
        ],
    }
}

/// The caller, with a refusal in this protocol's shape.
pub(crate) struct InferCaller(pub(crate) Scope);

impl FromRequestParts<App> for InferCaller {
    type Rejection = InferError;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Self, InferError> {
        let Caller(scope) =
            Caller::from_request_parts(parts, state).await.map_err(|error| InferError(error.0))?;
        Ok(Self(scope))
    }
}

/// The path's names.
#[derive(serde::Deserialize)]
struct Named {
    model: String,
    version: Option<String>,
}

impl FromRequestParts<App> for Target {
    type Rejection = InferError;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Self, InferError> {
        let Path(Named { model, version }) = Path::from_request_parts(parts, state)
            .await
            .map_err(|rejection| Error::invalid(rejection.body_text()))?;
        Ok(Self::new(model, version.as_deref())?)
    }
}

/// What the server is.
#[utoipa::path(get, path = "/v2", tag = "inference", responses((status = 200, body = ServerMetadata)))]
pub(crate) async fn server() -> axum::Json<ServerMetadata> {
    axum::Json(about())
}

/// Whether the process answers.
#[utoipa::path(get, path = "/v2/health/live", tag = "inference", responses((status = 200, body = ServerHealth)))]
pub(crate) async fn live(State(services): State<Services>) -> axum::Json<ServerHealth> {
    axum::Json(ServerHealth { live: true, ready: services.is_ready() })
}

/// Whether it can serve.
#[utoipa::path(get, path = "/v2/health/ready", tag = "inference", responses((status = 200, body = ServerHealth), (status = 503, description = "not yet")))]
pub(crate) async fn ready(State(services): State<Services>) -> Response {
    let ready = services.is_ready();
    let status = if ready { 200 } else { 503 };
    let status = axum::http::StatusCode::from_u16(status).unwrap_or_default();
    (status, axum::Json(ServerHealth { live: true, ready })).into_response()
}

/// What a model takes and gives, and how it is run.
#[utoipa::path(get, path = "/v2/models/{model}", tag = "inference", params(("model" = String, Path, description = "the model")), responses((status = 200, body = ModelMetadata)))]
pub(crate) async fn metadata(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    target: Target,
) -> Result<axum::Json<ModelMetadata>, InferError> {
    Ok(axum::Json(describe::metadata(&services, &scope, &target).await?))
}

/// A model's configuration, in Triton's form.
#[utoipa::path(get, path = "/v2/models/{model}/config", tag = "inference", params(("model" = String, Path, description = "the model")), responses((status = 200, body = ModelConfig)))]
pub(crate) async fn config(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    target: Target,
) -> Result<axum::Json<ModelConfig>, InferError> {
    Ok(axum::Json(describe::config(&services, &scope, &target).await?))
}

/// Whether a model can serve; asking loads it, unless it was unloaded on purpose.
#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "inference", params(("model" = String, Path, description = "the model")), responses((status = 200, body = ModelReady)))]
pub(crate) async fn model_ready(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    target: Target,
) -> Result<axum::Json<ModelReady>, InferError> {
    services.models.serve(&scope, &target.model, target.version.as_deref()).await?;
    Ok(axum::Json(ModelReady { name: target.model, ready: true }))
}

/// Runs tensors through a model.
#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "inference", params(("model" = String, Path, description = "the model")), request_body = InferRequest, responses((status = 200, body = InferResponse)))]
pub(crate) async fn infer(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    RequestId(request_id): RequestId,
    Sticky(sticky): Sticky,
    target: Target,
    headers: HeaderMap,
    Body(body): Body,
) -> Result<Response, InferError> {
    // A model that is not there is told before anything about the tensors.
    let asked = target.asked(sticky, &request_id);
    let picked = services.models.pick(&scope, &asked).await?;
    let (json, raw) = binary::split(&headers, &body)?;
    let mut request: InferRequest = parse(json)?;
    let work = execute::Work {
        inputs: convert::inputs(&mut request, raw)?,
        wanted: convert::wanted(&request)?,
        bounds: execute::Bounds::read(&request.parameters)?,
    };
    let outputs = execute::run(&services, &scope, request_id, &picked, work).await?;
    let (outputs, raw) = convert::outputs(&request, outputs);
    let response = InferResponse {
        model_name: picked.version.name.clone(),
        model_version: picked.version.version.to_string(),
        id: request.id,
        outputs,
    };
    Ok(respond(&response, &raw)?)
}

fn respond(response: &InferResponse, raw: &[u8]) -> Result<Response> {
    if raw.is_empty() {
        return Ok(axum::Json(response).into_response());
    }
    let mut body = serde_json::to_vec(response).or_internal("writing a response")?;
    let length = HeaderValue::from(body.len());
    body.extend_from_slice(raw);
    let mut answer = body.into_response();
    let headers = answer.headers_mut();
    headers.insert(HEADER_LENGTH, length);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(answer)
}
