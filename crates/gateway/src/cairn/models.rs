//! The tenant's models, and the program's language models beside them.

use std::collections::BTreeMap;

use axum::extract::{FromRequest, Multipart, Path, Request, State};
use axum::http::header;
use axum::response::IntoResponse;
use bytes::BytesMut;
use cairn_kernel::{Error, Kind, Result, ResultExt, Role, Scope};
use cairn_services::Services;
use cairn_services::models::{Encoding, ModelInfo, ModelKind, NewVersion, Target};
use cairn_services::records::{ModelVersionRow, UsageEntry};
use cairn_services::room::{Place, Room};
use cairn_wire::cairn::{
    CairnModel, CairnModelVersion, Deploy, NewModelVersion, PredictRequest, PredictResponse,
    RowPrediction, SetAlias,
};
use cairn_wire::openai::{Deleted, List};
use serde_json::{Map, Value, json};

use super::upload;
use crate::error::ApiResult;
use crate::extract::{Caller, Json, RequestId, Sticky, announced, parse};

/// Most rows of one prediction.
const ROWS_MAX: usize = 10_000;
/// Largest JSON body that names a model.
const NAMED_MAX: usize = 64 << 10;

fn wire(info: ModelInfo) -> Result<CairnModel> {
    let number = info.row.deployed_version.or_else(|| info.versions.first().map(|v| v.version));
    let (kind, runtime) = kind_of(&info)?;
    let (mut inputs, mut outputs) = (json!([]), json!([]));
    let mut versions = Vec::new();
    for row in info.versions {
        let serves = Some(row.version) == number;
        let (version, signature) = version(row)?;
        if serves && let (Some(takes), Some(gives)) = signature {
            (inputs, outputs) = (takes, gives);
        }
        versions.push(version);
    }
    Ok(CairnModel {
        name: info.row.name,
        object: "model",
        kind,
        runtime,
        state: if info.loaded { "ready" } else { "unloaded" }.to_owned(),
        reason: None,
        deployed_version: info.row.deployed_version,
        aliases: info.aliases,
        versions,
        inputs,
        outputs,
    })
}

/// What a model is for, and what runs it, by the version that serves.
pub(super) fn kind_of(info: &ModelInfo) -> Result<(&'static str, &'static str)> {
    let deployed = info.versions.iter().find(|row| Some(row.version) == info.row.deployed_version);
    let Some(row) = deployed.or(info.versions.first()) else { return Ok(("tensor", "onnx")) };
    let kind = match cairn_services::models::chats(row)? {
        true => "llm",
        false if cairn_services::models::embeds(row)? => "embedding",
        false if row.run_id.is_empty() => "tensor",
        false => "tabular",
    };
    Ok((kind, ModelKind::of(row)?.name()))
}

type Signature = (Option<Value>, Option<Value>);

/// A version, and apart from it what it takes and gives.
fn version(row: ModelVersionRow) -> Result<(CairnModelVersion, Signature)> {
    let mut metadata: Map<String, Value> =
        serde_json::from_str(&row.metadata).or_internal("reading a model's metadata")?;
    let signature = (metadata.remove("inputs"), metadata.remove("outputs"));
    let encoding = Encoding::read(&row)?;
    let given = |prefix: String| (!prefix.is_empty()).then_some(prefix);
    let version = CairnModelVersion {
        version: row.version,
        kind: row.kind,
        source: serde_json::from_str(&row.source).or_internal("reading a model's source")?,
        sha256: row.sha256,
        bytes: row.bytes,
        created_at: row.created_at / 1000,
        training_run: (!row.run_id.is_empty()).then_some(row.run_id),
        query_prefix: given(encoding.query_prefix),
        document_prefix: given(encoding.document_prefix),
        metadata,
    };
    Ok((version, signature))
}

/// The tenant's models by name, then the program's language models.
#[utoipa::path(get, path = "/cairn/v1/models", tag = "models", responses((status = 200, body = List<CairnModel>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
) -> ApiResult<axum::Json<List<CairnModel>>> {
    let trained = services.models.list(&scope).await?;
    let mut models = trained.into_iter().map(wire).collect::<Result<Vec<_>>>()?;
    for llm in services.inference.llms().states() {
        models.push(CairnModel {
            name: llm.name,
            object: "model",
            kind: "llm",
            runtime: "gguf",
            state: llm.state.to_owned(),
            reason: llm.reason,
            deployed_version: None,
            aliases: BTreeMap::new(),
            versions: vec![CairnModelVersion {
                version: 1,
                kind: "gguf".to_owned(),
                source: json!({}),
                sha256: llm.sha256,
                bytes: 0,
                created_at: 0,
                training_run: None,
                query_prefix: None,
                document_prefix: None,
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

/// Registers a version, after loading it: an ONNX or GGUF file as a multipart form with the
/// part `file` (and, for a LoRA adapter, `base`: the model of the store it is for; for an embedding
/// model `query_prefix`, `document_prefix` and `pooling`), or JSON that names a language model or a
/// provider's model. The same file or model with the same prefixes is registered once.
#[utoipa::path(post, path = "/cairn/v1/models/{name}/versions", tag = "models", params(("name" = String, Path, description = "the model; it is made if it is new")), request_body = NewModelVersion, responses((status = 200, body = CairnModelVersion)))]
pub(crate) async fn register(
    State(services): State<Services>,
    State(room): State<Room>,
    Caller(scope): Caller,
    Path(name): Path<String>,
    request: Request,
) -> ApiResult<axum::Json<CairnModelVersion>> {
    // Before memory is taken for it.
    scope.require(Role::Editor)?;
    let (new, encoding, place) = new_version(request, &room, services.limits.upload_bytes).await?;
    let row = services.models.register(&scope, &name, new, encoding).await?;
    drop(place);
    Ok(axum::Json(version(row)?.0))
}

/// The version that is asked for, how it makes vectors, and where its file is in memory.
async fn new_version(
    request: Request,
    room: &Room,
    limit: u64,
) -> ApiResult<(NewVersion, Encoding, Option<Place>)> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with("multipart/form-data")) {
        let announced = announced(request.headers());
        let form = Multipart::from_request(request, &()).await.map_err(|rejection| {
            Error::invalid(format!("the form could not be read: {}", rejection.body_text()))
        })?;
        let expected = announced.unwrap_or(limit).min(limit);
        let mut place = room.take(expected).await?;
        // As large as it will be, for it doubles when it grows.
        let begun = BytesMut::with_capacity(usize::try_from(expected).unwrap_or_default());
        let upload = upload::read(form, limit, begun).await?;
        place.shrink(upload.came.len() as u64);
        let file = upload.came.freeze();
        if upload.name.is_some() {
            let text = "the path names the model; leave the part 'name' out";
            return Err(Error::invalid(text).with_param("name").into());
        }
        let new = match upload.base {
            Some(base) => NewVersion::Adapter { base, file },
            None => NewVersion::File(file),
        };
        let encoding = Encoding {
            query_prefix: upload.query_prefix.unwrap_or_default(),
            document_prefix: upload.document_prefix.unwrap_or_default(),
            pooling: upload.pooling.as_deref().map(Encoding::parse_pooling).transpose()?,
            dimensions: None,
        };
        return Ok((new, encoding, Some(place)));
    }
    let body = axum::body::to_bytes(request.into_body(), NAMED_MAX).await.map_err(|cause| {
        let text = "the body could not be read or is too large; send a file as a multipart form";
        Error::new(Kind::TooLarge, text).with_source(cause)
    })?;
    Ok(match parse::<NewModelVersion>(&body)? {
        NewModelVersion::Gguf { asset } => (NewVersion::Asset(asset), Encoding::default(), None),
        NewModelVersion::Remote {
            provider,
            model,
            embeddings,
            dimensions,
            query_prefix,
            document_prefix,
        } => {
            let encoding = Encoding {
                query_prefix: query_prefix.unwrap_or_default(),
                document_prefix: document_prefix.unwrap_or_default(),
                pooling: None,
                dimensions,
            };
            (NewVersion::Remote { provider, model, embeddings }, encoding, None)
        }
    })
}

/// Lets an alias name a version; requests may then ask for `name@alias`.
#[utoipa::path(put, path = "/cairn/v1/models/{name}/aliases/{alias}", tag = "models", params(("name" = String, Path, description = "the model"), ("alias" = String, Path, description = "the alias")), request_body = SetAlias, responses((status = 200, body = CairnModel)))]
pub(crate) async fn set_alias(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((name, alias)): Path<(String, String)>,
    Json(wanted): Json<SetAlias>,
) -> ApiResult<axum::Json<CairnModel>> {
    let info = services.models.set_alias(&scope, &name, &alias, wanted.version).await?;
    Ok(axum::Json(wire(info)?))
}

/// Takes an alias away.
#[utoipa::path(delete, path = "/cairn/v1/models/{name}/aliases/{alias}", tag = "models", params(("name" = String, Path, description = "the model"), ("alias" = String, Path, description = "the alias")), responses((status = 200, body = Deleted)))]
pub(crate) async fn delete_alias(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((name, alias)): Path<(String, String)>,
) -> ApiResult<axum::Json<Deleted>> {
    services.models.delete_alias(&scope, &name, &alias).await?;
    Ok(axum::Json(Deleted { id: alias, object: "model.alias.deleted", deleted: true }))
}

/// Makes a version the one that serves. A rollout under way ends.
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
    Sticky(sticky): Sticky,
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
    let target = Target {
        name: wanted.model.clone(),
        selector: wanted.version.map(|version| version.to_string()),
        sticky,
        request_id: request_id.clone(),
    };
    let (version, predicted) = services.models.predict(&scope, &target, &rows).await?;
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
