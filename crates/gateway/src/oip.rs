//! The Open Inference Protocol v2 over REST, with the binary tensor extension.
//!
//! In JSON, `null` stands for NaN in floating-point tensors, in both directions.

mod binary;
mod convert;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use cairn_kernel::{Error, Kind, Result, Scope};
use cairn_services::Services;
use cairn_services::records::UsageEntry;
use cairn_wire::oip::{
    InferRequest, InferResponse, ModelMetadata, ModelReady, ServerHealth, ServerMetadata,
    TensorMetadata,
};
use serde_json::{Value, json};

use crate::App;
use crate::error::InferError;
use crate::extract::{Caller, RequestId, parse};

const HEADER_LENGTH: &str = "inference-header-content-length";

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/v2", get(server))
        .route("/v2/health/live", get(live))
        .route("/v2/health/ready", get(ready))
        .route("/v2/models/{model}", get(metadata))
        .route("/v2/models/{model}/ready", get(model_ready))
        .route("/v2/models/{model}/infer", post(infer))
        .route("/v2/models/{model}/versions/{version}", get(metadata))
        .route("/v2/models/{model}/versions/{version}/ready", get(model_ready))
        .route("/v2/models/{model}/versions/{version}/infer", post(infer))
        .route("/v2/repository/index", post(index))
}

/// The caller, with a refusal in this protocol's shape.
pub(crate) struct InferCaller(Scope);

impl FromRequestParts<App> for InferCaller {
    type Rejection = InferError;

    async fn from_request_parts(parts: &mut Parts, state: &App) -> Result<Self, InferError> {
        let Caller(scope) =
            Caller::from_request_parts(parts, state).await.map_err(|error| InferError(error.0))?;
        Ok(Self(scope))
    }
}

/// A model and perhaps a version, out of the path.
#[derive(serde::Deserialize)]
pub(crate) struct Target {
    model: String,
    version: Option<String>,
}

impl Target {
    fn version(&self) -> Result<Option<i64>> {
        let parse = |text: &String| {
            text.parse().map_err(|_| {
                Error::invalid(format!("'{text}' is no version; versions are whole numbers from 1"))
            })
        };
        self.version.as_ref().map(parse).transpose()
    }
}

/// What the server is.
#[utoipa::path(get, path = "/v2", tag = "inference", responses((status = 200, body = ServerMetadata)))]
pub(crate) async fn server() -> axum::Json<ServerMetadata> {
    axum::Json(ServerMetadata {
        name: "cairn",
        version: env!("CARGO_PKG_VERSION"),
        extensions: vec!["binary_tensor_data", "model_repository"],
    })
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

/// What a model takes and gives.
#[utoipa::path(get, path = "/v2/models/{model}", tag = "inference", params(("model" = String, Path, description = "the model")), responses((status = 200, body = ModelMetadata)))]
pub(crate) async fn metadata(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    Path(target): Path<Target>,
) -> Result<axum::Json<ModelMetadata>, InferError> {
    let served = services.models.serve(&scope, &target.model, target.version()?).await?;
    let info = services.models.get(&scope, &target.model).await?;
    let known = served.engine.metadata();
    let tensors = |specs: &[cairn_services::TensorSpec]| {
        specs
            .iter()
            .map(|spec| TensorMetadata {
                name: spec.name.clone(),
                datatype: spec.datatype.name().to_owned(),
                shape: spec.shape.clone().unwrap_or_default(),
            })
            .collect()
    };
    Ok(axum::Json(ModelMetadata {
        name: target.model,
        versions: info.versions.iter().rev().map(|row| row.version.to_string()).collect(),
        platform: known.platform.to_owned(),
        inputs: tensors(&known.inputs),
        outputs: tensors(&known.outputs),
    }))
}

/// Whether a model can serve; asking loads it.
#[utoipa::path(get, path = "/v2/models/{model}/ready", tag = "inference", params(("model" = String, Path, description = "the model")), responses((status = 200, body = ModelReady)))]
pub(crate) async fn model_ready(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    Path(target): Path<Target>,
) -> Result<axum::Json<ModelReady>, InferError> {
    services.models.serve(&scope, &target.model, target.version()?).await?;
    Ok(axum::Json(ModelReady { name: target.model, ready: true }))
}

/// Runs tensors through a model.
#[utoipa::path(post, path = "/v2/models/{model}/infer", tag = "inference", params(("model" = String, Path, description = "the model")), request_body = InferRequest, responses((status = 200, body = InferResponse)))]
pub(crate) async fn infer(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    RequestId(request_id): RequestId,
    Path(target): Path<Target>,
    headers: HeaderMap,
    body: Result<Bytes, axum::extract::rejection::BytesRejection>,
) -> Result<Response, InferError> {
    let body = body.map_err(|rejection| {
        let kind = if rejection.status() == 413 { Kind::TooLarge } else { Kind::Invalid };
        Error::new(kind, format!("the body could not be read: {}", rejection.body_text()))
    })?;
    if let Some(coding) = headers.get(header::CONTENT_ENCODING).filter(|v| *v != "identity") {
        return Err(InferError(Error::new(
            Kind::Unsupported,
            format!("a body with content-encoding {coding:?} is not read; send it uncompressed"),
        )));
    }
    // A model that is not there is told before anything about the tensors.
    let served = services.models.serve(&scope, &target.model, target.version()?).await?;
    let (json, raw) = binary::split(&headers, &body)?;
    let mut request: InferRequest = parse(json)?;
    let inputs = convert::inputs(&mut request, raw)?;
    let rows = inputs.first().and_then(|tensor| tensor.shape().first().copied()).unwrap_or(1);
    let wanted: Vec<String> = request.outputs.iter().map(|output| output.name.clone()).collect();
    let outputs = served.engine.infer(inputs, &wanted).await?;
    let usage = UsageEntry {
        operation: "infer",
        model: target.model.clone(),
        input_tokens: i64::try_from(rows).unwrap_or(i64::MAX),
        output_tokens: 0,
        request_id,
    };
    services.usage.record(&scope, usage).await;
    let (outputs, raw) = convert::outputs(&request, outputs);
    let response = InferResponse {
        model_name: target.model,
        model_version: served.version.version.to_string(),
        id: request.id,
        outputs,
    };
    Ok(respond(&response, &raw)?)
}

fn respond(response: &InferResponse, raw: &[u8]) -> Result<Response> {
    if raw.is_empty() {
        return Ok(axum::Json(response).into_response());
    }
    let mut body = serde_json::to_vec(response)
        .map_err(|cause| Error::internal("writing a response").with_source(cause))?;
    let length = HeaderValue::from(body.len());
    body.extend_from_slice(raw);
    let mut answer = body.into_response();
    let headers = answer.headers_mut();
    headers.insert(HEADER_LENGTH, length);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    Ok(answer)
}

/// The models of the tenant.
#[utoipa::path(post, path = "/v2/repository/index", tag = "inference", responses((status = 200, description = "name, version, state, reason of each")))]
pub(crate) async fn index(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
) -> Result<axum::Json<Vec<Value>>, InferError> {
    let mut listed = Vec::new();
    for model in services.models.list(&scope).await? {
        for version in &model.versions {
            listed.push(json!({
                "name": model.row.name,
                "version": version.version.to_string(),
                "state": "READY",
                "reason": "",
            }));
        }
    }
    Ok(axum::Json(listed))
}
