//! What has no standard: `/cairn/v1`.

pub(crate) mod access;
pub(crate) mod datasets;
pub(crate) mod erasures;
pub(crate) mod evaluations;
pub(crate) mod keys;
pub(crate) mod models;
pub(crate) mod provenance;
pub(crate) mod question_sets;
pub(crate) mod rankings;
pub(crate) mod reindex;
pub(crate) mod rollouts;
pub(crate) mod schedules;
pub(crate) mod sources;
pub(crate) mod status;
pub(crate) mod text;
pub(crate) mod training;
mod upload;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{delete, get, patch, post, put};
use cairn_wire::openai::List;

use crate::App;

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/cairn/v1/whoami", get(status::whoami))
        .route("/cairn/v1/status", get(status::status))
        .route("/cairn/v1/verify", post(status::verify))
        .route("/cairn/v1/purge", post(status::purge))
        .route("/cairn/v1/keys", get(keys::list).post(keys::create))
        .route("/cairn/v1/keys/{id}", patch(keys::update).delete(keys::revoke))
        .route("/cairn/v1/keys/{id}/rotate", post(keys::rotate))
        .route("/cairn/v1/tenants", get(erasures::tenants))
        .route("/cairn/v1/tenants/{name}", delete(erasures::delete_tenant))
        .route("/cairn/v1/erasures", get(erasures::list))
        .route("/cairn/v1/erasures/{id}", get(erasures::show))
        .route("/cairn/v1/erasure_key", get(erasures::key))
        // An upload counts its own bytes, so that it can say which limit it met.
        .route(
            "/cairn/v1/datasets",
            get(datasets::list).post(datasets::create).layer(DefaultBodyLimit::disable()),
        )
        .route("/cairn/v1/datasets/query", post(datasets::query))
        .route("/cairn/v1/datasets/{name}", get(datasets::show).delete(datasets::delete))
        .route("/cairn/v1/datasets/{name}/rows", get(datasets::rows))
        .route("/cairn/v1/training_runs", get(training::list).post(training::create))
        .route("/cairn/v1/training_runs/{id}", get(training::show))
        .route("/cairn/v1/training_runs/{id}/cancel", post(training::cancel))
        .route("/cairn/v1/models", get(models::list))
        .route("/cairn/v1/models/{name}", get(models::show).delete(models::delete))
        .route("/cairn/v1/models/{name}/deploy", post(models::deploy))
        .route(
            "/cairn/v1/models/{name}/versions",
            post(models::register).layer(DefaultBodyLimit::disable()),
        )
        .route("/cairn/v1/models/{name}/versions/{version}/onnx", get(models::onnx))
        .route(
            "/cairn/v1/models/{name}/aliases/{alias}",
            put(models::set_alias).delete(models::delete_alias),
        )
        .route("/cairn/v1/models/{name}/rollout", get(rollouts::show).put(rollouts::set))
        .route("/cairn/v1/models/{name}/rollout/rollback", post(rollouts::roll_back))
        .route("/cairn/v1/models/{name}/rollout/promote", post(rollouts::promote))
        .route("/cairn/v1/models/{name}/history", get(rollouts::history))
        .route("/cairn/v1/models/{name}/feedback", post(rollouts::feedback))
        .route("/cairn/v1/predict", post(models::predict))
        .route("/cairn/v1/sources", get(sources::list).post(sources::create))
        .route(
            "/cairn/v1/sources/{id}",
            get(sources::show).patch(sources::update).delete(sources::delete),
        )
        .route("/cairn/v1/sources/{id}/sync", post(sources::sync))
        .route("/cairn/v1/sources/{id}/pause", post(sources::pause))
        .route("/cairn/v1/sources/{id}/resume", post(sources::resume))
        .route("/cairn/v1/sources/{id}/items", get(sources::items))
        .route("/cairn/v1/question_sets", get(question_sets::list).post(question_sets::create))
        .route(
            "/cairn/v1/question_sets/{id}",
            get(question_sets::show).delete(question_sets::delete),
        )
        .route("/cairn/v1/question_sets/{id}/questions", get(question_sets::questions))
        .route("/cairn/v1/evaluations", get(evaluations::list).post(evaluations::create))
        .route("/cairn/v1/evaluations/{id}", get(evaluations::show).delete(evaluations::delete))
        .route("/cairn/v1/evaluations/{id}/cancel", post(evaluations::cancel))
        .route("/cairn/v1/evaluations/{id}/results", get(evaluations::results))
        .route("/cairn/v1/evaluations/{id}/report", get(evaluations::report))
        .route("/cairn/v1/evaluation_schedules", get(schedules::list).post(schedules::create))
        .route(
            "/cairn/v1/evaluation_schedules/{id}",
            get(schedules::show).patch(schedules::update).delete(schedules::delete),
        )
        .route("/cairn/v1/evaluation_schedules/{id}/pause", post(schedules::pause))
        .route("/cairn/v1/evaluation_schedules/{id}/resume", post(schedules::resume))
        .route("/cairn/v1/evaluation_schedules/{id}/run", post(schedules::run))
        .route("/cairn/v1/files/{id}/text", get(text::text))
        .route("/cairn/v1/files/{id}/access", get(access::show).put(access::set))
        .route("/cairn/v1/responses/{id}/provenance", get(provenance::show))
        .route("/cairn/v1/responses/{id}/replay", post(provenance::replay))
        .route("/cairn/v1/vector_stores/resolve", get(text::resolve_store))
        .route(
            "/cairn/v1/vector_stores/{id}/ranking",
            get(rankings::show).put(rankings::set).delete(rankings::reset),
        )
        .route(
            "/cairn/v1/vector_stores/{id}/reindex",
            get(reindex::show).post(reindex::start).delete(reindex::cancel),
        )
}

/// A whole list as one page.
fn whole<T>(data: Vec<T>, id: impl Fn(&T) -> &str) -> List<T> {
    List {
        object: "list",
        first_id: data.first().map(|item| id(item).to_owned()),
        last_id: data.last().map(|item| id(item).to_owned()),
        has_more: false,
        data,
    }
}
