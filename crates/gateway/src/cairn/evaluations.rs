//! Evaluations: runs over question sets, their results and reports.

use axum::extract::{FromRequestParts, Path, Query, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::http::request::Parts;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse;
use cairn_kernel::{Error, Id, Result, ResultExt as _};
use cairn_services::Services;
use cairn_services::chunking::Chunking;
use cairn_services::evaluations::NewEvaluation;
use cairn_services::evaluations::plan::{Configuration, Plan, Ranking};
use cairn_services::records::{EvaluationResultRow, EvaluationRow};
use cairn_wire::cairn::{
    CreateEvaluation, Evaluation, EvaluationConfiguration, EvaluationQuery, EvaluationResult,
    Progress,
};
use cairn_wire::openai::{Deleted, List};
use serde::de::DeserializeOwned;

use super::question_sets::paging;
use crate::error::{ApiError, ApiResult};
use crate::extract::{Caller, Json};
use crate::openai::convert::seconds;

/// The page runs nothing and fetches nothing, whatever stands in it.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// The query string of the lists here.
#[derive(Debug)]
pub(crate) struct Asking(pub(crate) EvaluationQuery);

impl<S: Send + Sync> FromRequestParts<S> for Asking {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Ok(Self(query(&parts.uri)?))
    }
}

/// What a query string says.
pub(super) fn query<T: DeserializeOwned>(uri: &Uri) -> Result<T> {
    let Query(query) = Query::try_from_uri(uri).map_err(|rejection| {
        Error::invalid(format!("the query string does not fit: {}", rejection.body_text()))
    })?;
    Ok(query)
}

/// Starts a run; it goes on in the background.
#[utoipa::path(post, path = "/cairn/v1/evaluations", tag = "evaluation", request_body = CreateEvaluation, responses((status = 202, body = Evaluation)))]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    Json(wanted): Json<CreateEvaluation>,
) -> ApiResult<(StatusCode, axum::Json<Evaluation>)> {
    let new = NewEvaluation {
        store: wanted.store,
        question_set: Id::from_raw(wanted.question_set),
        plan: Plan {
            configurations: configurations(wanted.configurations)?,
            tune: wanted.tune,
            tune_reranker: wanted.tune_reranker,
            seed: wanted.seed.unwrap_or(0),
        },
    };
    let row = services.evaluations.start(&scope, new).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(wire(row)?)))
}

/// The tenant's runs, newest first: of one vector store its history, of one question set those that
/// are compared with each other.
#[utoipa::path(get, path = "/cairn/v1/evaluations", tag = "evaluation", params(EvaluationQuery), responses((status = 200, body = List<Evaluation>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
    Asking(query): Asking,
) -> ApiResult<axum::Json<List<Evaluation>>> {
    let paging = paging(&query)?;
    let (store, set) = (query.store.as_deref(), query.question_set.map(Id::from_raw));
    let schedule = query.schedule.map(Id::from_raw);
    let of = (set.as_ref(), schedule.as_ref());
    let rows = services.evaluations.list(&scope, store, of, &paging.page).await?;
    let runs = rows.into_iter().map(wire).collect::<Result<Vec<_>>>()?;
    Ok(axum::Json(paging.list(runs, |run| run.id.clone())))
}

/// One run.
#[utoipa::path(get, path = "/cairn/v1/evaluations/{id}", tag = "evaluation", params(("id" = String, Path, description = "the run")), responses((status = 200, body = Evaluation)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Evaluation>> {
    Ok(axum::Json(wire(services.evaluations.get(&scope, &Id::from_raw(id)).await?)?))
}

/// Cancels a run that has not ended.
#[utoipa::path(post, path = "/cairn/v1/evaluations/{id}/cancel", tag = "evaluation", params(("id" = String, Path, description = "the run")), responses((status = 200, body = Evaluation)))]
pub(crate) async fn cancel(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Evaluation>> {
    Ok(axum::Json(wire(services.evaluations.cancel(&scope, &Id::from_raw(id)).await?)?))
}

/// Deletes a run with its results.
#[utoipa::path(delete, path = "/cairn/v1/evaluations/{id}", tag = "evaluation", params(("id" = String, Path, description = "the run")), responses((status = 200, body = Deleted)))]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Deleted>> {
    services.evaluations.delete(&scope, &Id::from_raw(id.as_str())).await?;
    Ok(axum::Json(Deleted { id, object: "evaluation.deleted", deleted: true }))
}

/// What each question came to, newest first; of one configuration if named.
#[utoipa::path(get, path = "/cairn/v1/evaluations/{id}/results", tag = "evaluation", params(("id" = String, Path, description = "the run"), EvaluationQuery), responses((status = 200, body = List<EvaluationResult>)))]
pub(crate) async fn results(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Asking(query): Asking,
) -> ApiResult<axum::Json<List<EvaluationResult>>> {
    let paging = paging(&query)?;
    let (id, configuration) = (Id::from_raw(id), query.configuration.as_deref());
    let (plan, rows) =
        services.evaluations.results(&scope, &id, configuration, &paging.page).await?;
    let results: Result<Vec<_>> = rows.into_iter().map(|row| result(row, &plan)).collect();
    Ok(axum::Json(paging.list(results?, |result| result.id.clone())))
}

/// The report of a run: one page of HTML with plots, which needs nothing else.
#[utoipa::path(get, path = "/cairn/v1/evaluations/{id}/report", tag = "evaluation", params(("id" = String, Path, description = "the run")), responses((status = 200, body = String, content_type = "text/html", description = "the page")))]
pub(crate) async fn report(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<impl IntoResponse> {
    let html = services.evaluations.report(&scope, &Id::from_raw(id)).await?;
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, html))
}

/// The configurations sent; without any, the store as it is.
pub(super) fn configurations(
    sent: Option<Vec<EvaluationConfiguration>>,
) -> Result<Vec<Configuration>> {
    match sent {
        Some(sent) => sent.into_iter().enumerate().map(configuration).collect(),
        None => Ok(vec![Configuration::default()]),
    }
}

fn configuration((number, sent): (usize, EvaluationConfiguration)) -> Result<Configuration> {
    let plain = Configuration::default();
    let chunking = match sent.chunking.map(super::reindex::chunking).transpose() {
        Ok(Some(Chunking::As(strategy))) => Some(strategy),
        Ok(Some(Chunking::Store) | None) => None,
        Err(error) => {
            return Err(error.with_param(format!("configurations[{number}].chunking")));
        }
    };
    Ok(Configuration {
        name: sent.name,
        dense_weight: sent.dense_weight,
        ranking: sent.ranking.map(|ranking| Ranking {
            dense_weight: ranking.dense_weight,
            spread: ranking.spread,
            late: ranking.late,
        }),
        reranker: sent.reranker,
        limit: sent.limit.unwrap_or(plain.limit),
        rewrite: sent.rewrite,
        answers: sent.answers,
        model: sent.model.unwrap_or(plain.model),
        chunking,
        embedding_model: sent.embedding_model,
    })
}

/// A run as it is sent.
pub(super) fn wire(row: EvaluationRow) -> Result<Evaluation> {
    let result = row.result.as_deref().map(serde_json::from_str).transpose();
    Ok(Evaluation {
        id: row.id,
        object: "evaluation",
        status: row.status,
        store: row.store_id,
        question_set: row.set_id,
        plan: serde_json::from_str(&row.plan).or_internal("reading a plan")?,
        progress: Progress { stage: row.stage, fraction: row.fraction },
        error: row.error,
        worse: row.worse.map(|worse| worse != 0),
        schedule: row.schedule_id,
        occasion: row.occasion,
        created_at: seconds(row.created_at),
        finished_at: row.finished_at.map(seconds),
        result: result.or_internal("reading a report")?,
    })
}

fn result(row: EvaluationResultRow, plan: &Plan) -> Result<EvaluationResult> {
    let place = usize::try_from(row.configuration).unwrap_or(usize::MAX);
    let name = plan.configurations.get(place).map(|held| held.name.clone());
    let answer = row.answer.as_deref().map(serde_json::from_str).transpose();
    Ok(EvaluationResult {
        id: row.id,
        object: "evaluation_result",
        configuration: name.unwrap_or_default(),
        question_id: row.question_id,
        question: row.text,
        outcome: serde_json::from_str(&row.outcome).or_internal("reading an outcome")?,
        answer: answer.or_internal("reading an answer")?,
    })
}
