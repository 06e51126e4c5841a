//! Training runs.

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use cairn_kernel::{Id, Result, ResultExt};
use cairn_services::records::RunRow;
use cairn_services::training::NewRun;
use cairn_services::{Page, Services};
use cairn_wire::cairn::{CreateTrainingRun, Progress, TrainingRun};
use cairn_wire::openai::{List, ListQuery};

use crate::error::ApiResult;
use crate::extract::{Caller, Json};
use crate::openai::convert::cursor;

const BUDGET_SECONDS: i64 = 60;

fn wire(row: RunRow) -> Result<TrainingRun> {
    let result = row.result.as_deref().map(serde_json::from_str).transpose();
    Ok(TrainingRun {
        id: row.id,
        object: "training_run",
        status: row.status,
        dataset: row.dataset,
        dataset_version: row.dataset_version,
        target: row.target,
        name: row.model,
        task: row.task,
        progress: Progress { stage: row.stage, fraction: row.fraction },
        error: row.error,
        created_at: row.created_at / 1000,
        finished_at: row.finished_at.map(|at| at / 1000),
        result: result.or_internal("reading a training report")?,
    })
}

/// Starts a run; it goes on in the background.
#[utoipa::path(post, path = "/cairn/v1/training_runs", tag = "training", request_body = CreateTrainingRun, responses((status = 202, body = TrainingRun)))]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    Json(wanted): Json<CreateTrainingRun>,
) -> ApiResult<(StatusCode, axum::Json<TrainingRun>)> {
    let new = NewRun {
        dataset: wanted.dataset,
        target: wanted.target,
        model: wanted.name,
        budget_seconds: wanted.budget_seconds.unwrap_or(BUDGET_SECONDS),
        seed: wanted.seed.unwrap_or(0),
    };
    let run = services.training.start(&scope, &new).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(wire(run)?)))
}

/// The tenant's runs, newest first.
#[utoipa::path(get, path = "/cairn/v1/training_runs", tag = "training", responses((status = 200, body = List<TrainingRun>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
    Query(query): Query<ListQuery>,
) -> ApiResult<axum::Json<List<TrainingRun>>> {
    let limit = query.limit.unwrap_or(100).clamp(1, 1000);
    let page = Page { after: cursor("after", query.after.as_deref())?, ..Page::first(limit + 1) };
    let mut rows = services.training.list(&scope, &page).await?;
    let has_more = rows.len() as i64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(1000));
    let runs = rows.into_iter().map(wire).collect::<Result<Vec<_>>>()?;
    Ok(axum::Json(List { has_more, ..super::whole(runs, |run| &run.id) }))
}

/// One run.
#[utoipa::path(get, path = "/cairn/v1/training_runs/{id}", tag = "training", params(("id" = String, Path, description = "the run")), responses((status = 200, body = TrainingRun)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<TrainingRun>> {
    let run = services.training.get(&scope, &Id::from_raw(id)).await?;
    Ok(axum::Json(wire(run)?))
}

/// Cancels a run that has not ended.
#[utoipa::path(post, path = "/cairn/v1/training_runs/{id}/cancel", tag = "training", params(("id" = String, Path, description = "the run")), responses((status = 200, body = TrainingRun)))]
pub(crate) async fn cancel(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<TrainingRun>> {
    let run = services.training.cancel(&scope, &Id::from_raw(id)).await?;
    Ok(axum::Json(wire(run)?))
}
