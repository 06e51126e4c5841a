//! What models did since they were loaded.

use axum::extract::State;
use cairn_kernel::{Error, Result, Scope};
use cairn_services::Services;
use cairn_services::records::ModelVersionRow;
use cairn_services::statistics::{BatchStatistics, ModelStatistics, Timing};
use cairn_wire::oip::{BatchStats, InferStats, ModelStats, StatDuration, StatisticsResponse};

use super::InferCaller;
use super::execute::Target;
use crate::error::InferError;

/// What every model in memory did.
#[utoipa::path(get, path = "/v2/models/stats", tag = "inference", responses((status = 200, body = StatisticsResponse)))]
pub(crate) async fn all(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
) -> Result<axum::Json<StatisticsResponse>, InferError> {
    Ok(axum::Json(StatisticsResponse { model_stats: of_all(&services, &scope).await? }))
}

/// What the versions of one model did, or one of them.
#[utoipa::path(get, path = "/v2/models/{model}/stats", tag = "inference", params(("model" = String, Path, description = "the model")), responses((status = 200, body = StatisticsResponse)))]
pub(crate) async fn one(
    State(services): State<Services>,
    InferCaller(scope): InferCaller,
    target: Target,
) -> Result<axum::Json<StatisticsResponse>, InferError> {
    Ok(axum::Json(StatisticsResponse { model_stats: of_one(&services, &scope, &target).await? }))
}

/// The models in memory.
///
/// # Errors
/// `Internal` when the records refuse.
pub(crate) async fn of_all(services: &Services, scope: &Scope) -> Result<Vec<ModelStats>> {
    let mut found = Vec::new();
    for info in services.models.list(scope).await? {
        let resident = info.versions.iter().filter(|row| services.models.is_resident(scope, row));
        found.extend(resident.filter_map(|row| stats(services, scope, row)));
    }
    Ok(found)
}

/// The versions of a model; those not in memory did nothing.
///
/// # Errors
/// `NotFound`.
pub(crate) async fn of_one(
    services: &Services,
    scope: &Scope,
    target: &Target,
) -> Result<Vec<ModelStats>> {
    let info = services.models.get(scope, &target.model).await?;
    let version = target.version.as_deref();
    let named = |text: &str| info.aliases.get(text).copied().or_else(|| text.parse().ok());
    let asked =
        |row: &&ModelVersionRow| version.is_none_or(|text| named(text) == Some(row.version));
    let rows: Vec<&ModelVersionRow> = info.versions.iter().filter(asked).collect();
    match version {
        Some(version) if rows.is_empty() => {
            Err(Error::not_found(format!("version {version} of model '{}'", target.model)))
        }
        _ => Ok(rows.into_iter().filter_map(|row| stats(services, scope, row)).collect()),
    }
}

fn stats(services: &Services, scope: &Scope, row: &ModelVersionRow) -> Option<ModelStats> {
    let counted = services.models.statistics(scope, row)?;
    Some(wire(&row.name, row.version, &counted))
}

fn wire(name: &str, version: i64, counted: &ModelStatistics) -> ModelStats {
    ModelStats {
        name: name.to_owned(),
        version: version.to_string(),
        last_inference: counted.last_inference_ms,
        inference_count: counted.inference_count,
        execution_count: counted.execution_count,
        inference_stats: InferStats {
            success: duration(counted.success),
            fail: duration(counted.fail),
            queue: duration(counted.queue),
            compute_input: duration(counted.compute_input),
            compute_infer: duration(counted.compute_infer),
            compute_output: duration(counted.compute_output),
        },
        batch_stats: counted.batches.iter().map(batch).collect(),
    }
}

fn batch(counted: &BatchStatistics) -> BatchStats {
    BatchStats {
        batch_size: counted.rows,
        compute_input: duration(counted.compute_input),
        compute_infer: duration(counted.compute_infer),
        compute_output: duration(counted.compute_output),
    }
}

fn duration(timing: Timing) -> StatDuration {
    StatDuration { count: timing.count, ns: timing.ns }
}
