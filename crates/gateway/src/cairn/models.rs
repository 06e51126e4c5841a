//! Trained models, and the language models beside them.

use axum::extract::{Path, State};
use axum::http::header;
use axum::response::IntoResponse;
use cairn_kernel::{Error, Result, ResultExt, Scope};
use cairn_services::Services;
use cairn_services::models::ModelInfo;
use cairn_services::records::UsageEntry;
use cairn_wire::cairn::{
    CairnModel, CairnModelVersion, Deploy, PredictRequest, PredictResponse, RowPrediction,
};
use cairn_wire::openai::{Deleted, List};
use serde_json::{Map, Value, json};

use crate::error::ApiResult;
use crate::extract::{Caller, Json, RequestId};

/// Most rows of one prediction.
const ROWS_MAX: usize = 10_000;

fn wire(info: ModelInfo) -> Result<CairnModel> {
    let serving = info.row.deployed_version.or_else(|| info.versions.first().map(|v| v.version));
    let (mut inputs, mut outputs) = (json!([]), json!([]));
    let mut versions = Vec::new();
    for row in info.versions {
        let mut metadata: Map<String, Value> =
            serde_json::from_str(&row.metadata).or_internal("reading a model's metadata")?;
        let signature = (metadata.remove("inputs"), metadata.remove("outputs"));
        if Some(row.version) == serving
            && let (Some(takes), Some(gives)) = signature
        {
            (inputs, outputs) = (takes, gives);
        }
        versions.push(CairnModelVersion {
            version: row.version,
            sha256: row.sha256,
            bytes: row.bytes,
            created_at: row.created_at / 1000,
            training_run: Some(row.run_id),
            metadata,
        });
    }
    Ok(CairnModel {
        name: info.row.name,
        object: "model",
        kind: "tabular",
        runtime: "onnx",
        state: if info.loaded { "ready" } else { "unloaded" }.to_owned(),
        reason: None,
        deployed_version: info.row.deployed_version,
        versions,
        inputs,
        outputs,
    })
}

/// Trained models by name, then language models.
#[utoipa::path(get, path = "/cairn/v1/models", tag = "models", responses((status = 200, body = List<CairnModel>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
) -> ApiResult<axum::Json<List<CairnModel>>> {
    let trained = services.models.list(&scope).await?;
    let mut models = trained.into_iter().map(wire).collect::<Result<Vec<_>>>()?;
    for llm in services.inference.llms().states().await {
        models.push(CairnModel {
            name: llm.name,
            object: "model",
            kind: "llm",
            runtime: "gguf",
            state: llm.state.to_owned(),
            reason: llm.reason,
            deployed_version: None,
            versions: vec![CairnModelVersion {
                version: 1,
                sha256: llm.sha256,
                bytes: 0,
                created_at: 0,
                training_run: None,
                metadata: Map::new(),
            }],
            inputs: json!([]),
            outputs: json!([]),
        });
    }
    Ok(axum::Json(super::whole(models, |model| &model.name)))
}

/// One trained model.
#[utoipa::path(get, path = "/cairn/v1/models/{name}", tag = "models", params(("name" = String, Path, description = "the model")), responses((status = 200, body = CairnModel)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
) -> ApiResult<axum::Json<CairnModel>> {
    Ok(axum::Json(wire(services.models.get(&scope, &name).await?)?))
}

/// Makes a version the one that serves.
#[utoipa::path(post, path = "/cairn/v1/models/{name}/deploy", tag = "models", params(("name" = String, Path, description = "the model")), request_body = Deploy, responses((status = 200, body = CairnModel)))]
pub(crate) async fn deploy(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
    Json(wanted): Json<Deploy>,
) -> ApiResult<axum::Json<CairnModel>> {
    Ok(axum::Json(wire(services.models.deploy(&scope, &name, wanted.version).await?)?))
}

/// Deletes a model with all versions.
#[utoipa::path(delete, path = "/cairn/v1/models/{name}", tag = "models", params(("name" = String, Path, description = "the model")), responses((status = 200, body = Deleted)))]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
) -> ApiResult<axum::Json<Deleted>> {
    services.models.delete(&scope, &name).await?;
    Ok(axum::Json(Deleted { id: name, object: "model.deleted", deleted: true }))
}

/// The ONNX file of a version.
#[utoipa::path(get, path = "/cairn/v1/models/{name}/versions/{version}/onnx", tag = "models", params(("name" = String, Path, description = "the model"), ("version" = i64, Path, description = "the version")), responses((status = 200, description = "the file")))]
pub(crate) async fn onnx(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((name, version)): Path<(String, i64)>,
) -> ApiResult<impl IntoResponse> {
    let bytes = services.models.file(&scope, &name, version).await?;
    let attachment = format!("attachment; filename=\"{name}-v{version}.onnx\"");
    let headers = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_DISPOSITION, attachment),
    ];
    Ok((headers, bytes))
}

/// Predicts rows, or all rows of a dataset.
#[utoipa::path(post, path = "/cairn/v1/predict", tag = "models", request_body = PredictRequest, responses((status = 200, body = PredictResponse)))]
pub(crate) async fn predict(
    State(services): State<Services>,
    Caller(scope): Caller,
    RequestId(request_id): RequestId,
    Json(wanted): Json<PredictRequest>,
) -> ApiResult<axum::Json<PredictResponse>> {
    let rows = match (wanted.rows, wanted.dataset) {
        (Some(rows), None) => rows,
        (None, Some(dataset)) => dataset_rows(&services, &scope, &dataset).await?,
        _ => return Err(Error::invalid("send either 'rows' or 'dataset'").into()),
    };
    if rows.len() > ROWS_MAX {
        return Err(too_many(rows.len() as u64).into());
    }
    let (version, predicted) =
        services.models.predict(&scope, &wanted.model, wanted.version, &rows).await?;
    let usage = UsageEntry {
        operation: "predict",
        model: wanted.model.clone(),
        input_tokens: i64::try_from(rows.len()).unwrap_or(i64::MAX),
        output_tokens: 0,
        request_id,
    };
    services.usage.record(&scope, usage).await;
    Ok(axum::Json(PredictResponse {
        model: wanted.model,
        version: version.version,
        predictions: predicted
            .into_iter()
            .map(|row| RowPrediction {
                prediction: row.prediction,
                probabilities: row.probabilities,
            })
            .collect(),
    }))
}

fn too_many(rows: u64) -> Error {
    Error::invalid(format!(
        "{rows} rows are more than the {ROWS_MAX} of one prediction; send them in parts"
    ))
    .with_param("rows")
}

async fn dataset_rows(
    services: &Services,
    scope: &Scope,
    dataset: &str,
) -> Result<Vec<Map<String, Value>>> {
    let page = services.datasets.rows(scope, dataset, 0, ROWS_MAX).await?;
    if page.total > ROWS_MAX as u64 {
        return Err(too_many(page.total));
    }
    let row = |values: Vec<Value>| page.columns.iter().cloned().zip(values).collect();
    Ok(page.rows.into_iter().map(row).collect())
}
