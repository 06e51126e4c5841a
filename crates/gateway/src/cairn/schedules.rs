//! Evaluation schedules: runs that begin by themselves.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use cairn_kernel::{Id, Result, ResultExt as _};
use cairn_services::Services;
use cairn_services::evaluations::schedules::{NewSchedule, ScheduleChanges, ScheduleReport, When};
use cairn_services::records::EvaluationRow;
use cairn_wire::cairn::{
    CreateEvaluationSchedule, Evaluation, EvaluationQuery, EvaluationSchedule, ScheduledRun,
    UpdateEvaluationSchedule,
};
use cairn_wire::openai::{Deleted, List};

use super::evaluations::{Asking, configurations, wire};
use super::question_sets::paging;
use crate::error::ApiResult;
use crate::extract::{Caller, Json};
use crate::openai::convert::seconds;

/// Makes a schedule: runs over a question set that begin after some time, or after a change of the
/// store. They act for the caller.
#[utoipa::path(post, path = "/cairn/v1/evaluation_schedules", tag = "evaluation", request_body = CreateEvaluationSchedule, responses((status = 200, body = EvaluationSchedule)))]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    Json(wanted): Json<CreateEvaluationSchedule>,
) -> ApiResult<axum::Json<EvaluationSchedule>> {
    let new = NewSchedule {
        store: wanted.store,
        question_set: Id::from_raw(wanted.question_set),
        name: wanted.name.unwrap_or_else(|| "schedule".to_owned()),
        configurations: configurations(wanted.configurations)?,
        seed: wanted.seed.unwrap_or(0),
        when: When {
            every_seconds: wanted.every_seconds,
            after_reindex: wanted.after_reindex,
            after_ranking: wanted.after_ranking,
            after_documents: wanted.after_documents,
        },
        keep_runs: wanted.keep_runs,
    };
    Ok(axum::Json(object(services.evaluations.create_schedule(&scope, new).await?)?))
}

/// The tenant's schedules, newest first.
#[utoipa::path(get, path = "/cairn/v1/evaluation_schedules", tag = "evaluation", params(EvaluationQuery), responses((status = 200, body = List<EvaluationSchedule>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
    Asking(query): Asking,
) -> ApiResult<axum::Json<List<EvaluationSchedule>>> {
    let paging = paging(&query)?;
    let (store, set) = (query.store.as_deref(), query.question_set.map(Id::from_raw));
    let held = services.evaluations.schedules(&scope, store, set.as_ref(), &paging.page).await?;
    let schedules = held.into_iter().map(object).collect::<Result<Vec<_>>>()?;
    Ok(axum::Json(paging.list(schedules, |schedule| schedule.id.clone())))
}

/// One schedule, with its newest run.
#[utoipa::path(get, path = "/cairn/v1/evaluation_schedules/{id}", tag = "evaluation", params(("id" = String, Path, description = "the schedule")), responses((status = 200, body = EvaluationSchedule)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<EvaluationSchedule>> {
    Ok(axum::Json(object(services.evaluations.schedule(&scope, &Id::from_raw(id)).await?)?))
}

/// Changes a schedule; its runs act for the caller from now on.
#[utoipa::path(patch, path = "/cairn/v1/evaluation_schedules/{id}", tag = "evaluation", params(("id" = String, Path, description = "the schedule")), request_body = UpdateEvaluationSchedule, responses((status = 200, body = EvaluationSchedule)))]
pub(crate) async fn update(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Json(wanted): Json<UpdateEvaluationSchedule>,
) -> ApiResult<axum::Json<EvaluationSchedule>> {
    let configurations =
        wanted.configurations.map(|sent| configurations(Some(sent))).transpose()?;
    let changes = ScheduleChanges {
        name: wanted.name,
        configurations,
        seed: wanted.seed,
        every_seconds: wanted.every_seconds,
        after_reindex: wanted.after_reindex,
        after_ranking: wanted.after_ranking,
        after_documents: wanted.after_documents,
        keep_runs: wanted.keep_runs,
    };
    let id = Id::from_raw(id);
    Ok(axum::Json(object(services.evaluations.change_schedule(&scope, &id, changes).await?)?))
}

/// Deletes a schedule. Its runs stay.
#[utoipa::path(delete, path = "/cairn/v1/evaluation_schedules/{id}", tag = "evaluation", params(("id" = String, Path, description = "the schedule")), responses((status = 200, body = Deleted)))]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Deleted>> {
    services.evaluations.delete_schedule(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(axum::Json(Deleted { id, object: "evaluation_schedule.deleted", deleted: true }))
}

/// Lets no run begin by itself.
#[utoipa::path(post, path = "/cairn/v1/evaluation_schedules/{id}/pause", tag = "evaluation", params(("id" = String, Path, description = "the schedule")), responses((status = 200, body = EvaluationSchedule)))]
pub(crate) async fn pause(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<EvaluationSchedule>> {
    Ok(axum::Json(object(services.evaluations.pause_schedule(&scope, &Id::from_raw(id)).await?)?))
}

/// Lets runs begin again, one at once if it became due meanwhile; they act for the caller.
#[utoipa::path(post, path = "/cairn/v1/evaluation_schedules/{id}/resume", tag = "evaluation", params(("id" = String, Path, description = "the schedule")), responses((status = 200, body = EvaluationSchedule)))]
pub(crate) async fn resume(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<EvaluationSchedule>> {
    Ok(axum::Json(object(services.evaluations.resume_schedule(&scope, &Id::from_raw(id)).await?)?))
}

/// Begins a run of a schedule now, for the caller.
#[utoipa::path(post, path = "/cairn/v1/evaluation_schedules/{id}/run", tag = "evaluation", params(("id" = String, Path, description = "the schedule")), responses((status = 202, body = Evaluation)))]
pub(crate) async fn run(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<(StatusCode, axum::Json<Evaluation>)> {
    let row = services.evaluations.run_schedule(&scope, &Id::from_raw(id)).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(wire(row)?)))
}

fn object(report: ScheduleReport) -> Result<EvaluationSchedule> {
    let ScheduleReport { row, last } = report;
    let paused = row.paused != 0;
    // A time that does not come is none.
    let comes = !paused && row.every_seconds > 0;
    Ok(EvaluationSchedule {
        id: row.id,
        object: "evaluation_schedule",
        name: row.name,
        status: if paused { "paused" } else { "active" },
        store: row.store_id,
        question_set: row.set_id,
        plan: serde_json::from_str(&row.plan).or_internal("reading a plan")?,
        every_seconds: row.every_seconds,
        after_reindex: row.after_reindex != 0,
        after_ranking: row.after_ranking != 0,
        after_documents: row.after_documents,
        keep_runs: row.keep_runs,
        error: row.error,
        next_run_at: comes.then(|| seconds(row.next_run_at)),
        last_run: last.map(last_run),
        created_at: seconds(row.created_at),
    })
}

fn last_run(row: EvaluationRow) -> ScheduledRun {
    ScheduledRun {
        id: row.id,
        status: row.status,
        occasion: row.occasion,
        worse: row.worse.map(|worse| worse != 0),
        error: row.error,
        created_at: seconds(row.created_at),
        finished_at: row.finished_at.map(seconds),
    }
}
