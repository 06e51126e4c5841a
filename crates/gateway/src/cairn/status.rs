//! Who one is, how the program is, and its upkeep.

use axum::extract::State;
use cairn_kernel::Role;
use cairn_services::Services;
use cairn_wire::cairn::{Engine, Jobs, Purged, Status, Verification, WhoAmI};
use serde::Deserialize;
use serde_json::json;

use crate::error::ApiResult;
use crate::extract::{Caller, Json};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Who the key belongs to.
#[utoipa::path(get, path = "/cairn/v1/whoami", tag = "operate", responses((status = 200, body = WhoAmI)))]
pub(crate) async fn whoami(
    State(services): State<Services>,
    Caller(scope): Caller,
) -> ApiResult<axum::Json<WhoAmI>> {
    Ok(axum::Json(WhoAmI {
        tenant: services.accounts.tenant_name(&scope).await?,
        role: scope.role().to_string(),
        key_id: scope.principal().to_string(),
        principals: scope.principals().to_vec(),
        version: VERSION,
    }))
}

/// The state of the program.
#[utoipa::path(get, path = "/cairn/v1/status", tag = "operate", responses((status = 200, body = Status)))]
pub(crate) async fn status(
    State(services): State<Services>,
    Caller(scope): Caller,
) -> ApiResult<axum::Json<Status>> {
    let llms = services.inference.llms();
    let chat_model = llms.default_model().map(str::to_owned);
    let depth = services.jobs().await?;
    let mut engines = vec![embedding(&services)];
    for llm in llms.states() {
        engines.push(Engine {
            name: llm.name,
            kind: "llm",
            runtime: "gguf",
            state: llm.state,
            reason: llm.reason,
            memory_bytes: llm.memory_bytes,
            sha256: llm.sha256,
        });
    }
    for model in services.models.list(&scope).await? {
        let (kind, runtime) = super::models::kind_of(&model)?;
        engines.push(Engine {
            name: model.row.name.clone(),
            kind,
            runtime,
            state: if model.loaded { "ready" } else { "unloaded" },
            reason: None,
            memory_bytes: None,
            sha256: model.versions.first().map(|v| v.sha256.clone()).unwrap_or_default(),
        });
    }
    Ok(axum::Json(Status {
        version: VERSION,
        uptime_seconds: services.uptime().as_secs_f64(),
        ready: services.is_ready(),
        answers: if chat_model.is_some() { "generative" } else { "extractive" },
        chat_model,
        embedding_model: services.inference.embedding_model().to_owned(),
        jobs: Jobs { queued: depth.queued, running: depth.running, failed: depth.failed },
        engines,
    }))
}

fn embedding(services: &Services) -> Engine {
    let inference = &services.inference;
    let (state, reason) = match (inference.embedder_loaded(), inference.embedder_available()) {
        (true, _) => ("ready", None),
        (false, true) => ("unloaded", None),
        (false, false) => {
            ("failed", Some("its files are not installed; run `cairn models pull`".to_owned()))
        }
    };
    Engine {
        name: inference.embedding_model().to_owned(),
        kind: "embedding",
        runtime: "onnx",
        state,
        reason,
        memory_bytes: None,
        sha256: inference.embedding_sha256(),
    }
}

/// Whether to repair what is found.
#[derive(Clone, Copy, Debug, Default, Deserialize, utoipa::ToSchema)]
pub(crate) struct VerifyRequest {
    /// Rebuild what differs from the records.
    #[serde(default)]
    repair: bool,
}

/// Compares indexes, vectors and bytes with the records.
#[utoipa::path(post, path = "/cairn/v1/verify", tag = "operate", request_body = VerifyRequest, responses((status = 200, body = Verification)))]
pub(crate) async fn verify(
    State(services): State<Services>,
    Caller(scope): Caller,
    Json(wanted): Json<VerifyRequest>,
) -> ApiResult<axum::Json<Verification>> {
    scope.require(Role::Admin)?;
    let report = services.integrity.verify(wanted.repair).await?;
    let clean = report.is_clean();
    Ok(axum::Json(Verification {
        clean,
        findings: report.indexes.iter().map(|finding| json!(finding)).collect(),
        without_vectors: report.without_vectors.iter().map(|found| json!(found)).collect(),
        repaired: wanted.repair && !clean && report.missing_blobs.is_empty(),
        orphaned_blobs: report.orphaned_blobs,
        missing_blobs: report.missing_blobs,
    }))
}

/// Finishes pending physical deletes now, and signs their certificates.
#[utoipa::path(post, path = "/cairn/v1/purge", tag = "operate", responses((status = 200, body = Purged)))]
pub(crate) async fn purge(
    State(services): State<Services>,
    Caller(scope): Caller,
) -> ApiResult<axum::Json<Purged>> {
    scope.require(Role::Admin)?;
    let cairn_services::erase::Purged { points, blobs, indexes, certificates } =
        services.erase.purge().await?;
    Ok(axum::Json(Purged { points, blobs, indexes, certificates }))
}
