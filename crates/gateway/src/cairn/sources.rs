//! Sources: documents kept in step with the place they come from.

use axum::extract::{Path, Query, State};
use cairn_kernel::{Error, Id, Result, ResultExt as _};
use cairn_services::Services;
use cairn_services::records::{SourceItemCount, SourceItemRow, SourceRow};
use cairn_services::sources::{Counts, NewSource, Progress, SourceChanges, SourceReport};
use cairn_wire::cairn::{
    CreateSource, RemoveSource, RemovedSource, Source, SourceCounts, SourceItem, SourceItemCounts,
    SourceItemsQuery, SourceProgress, SourceRun, SyncSource, UpdateSource,
};
use cairn_wire::openai::{List, ListQuery};

use crate::error::ApiResult;
use crate::extract::{Caller, Json};
use crate::openai::convert::{Listing, Paging, seconds};

/// Makes a source; its first run begins at once.
#[utoipa::path(post, path = "/cairn/v1/sources", tag = "sources", request_body = CreateSource, responses((status = 200, body = Source)))]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    Json(wanted): Json<CreateSource>,
) -> ApiResult<axum::Json<Source>> {
    let new = NewSource {
        store: Id::from_raw(wanted.vector_store_id),
        name: wanted.name,
        config: wanted.config,
        every_seconds: wanted.every_seconds,
        attributes: wanted.attributes.unwrap_or_default(),
    };
    Ok(axum::Json(object(services.sources.create(&scope, new).await?)?))
}

/// Sources, newest first.
#[utoipa::path(get, path = "/cairn/v1/sources", tag = "sources", params(ListQuery), responses((status = 200, body = List<Source>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
    Listing(query): Listing,
) -> ApiResult<axum::Json<List<Source>>> {
    let paging = Paging::of(&query, 100, 20)?;
    let reports = services.sources.list(&scope, &paging.page).await?;
    let sources: Result<Vec<_>> = reports.into_iter().map(object).collect();
    Ok(axum::Json(paging.list(sources?, |source| source.id.clone())))
}

/// One source, with how far its run is.
#[utoipa::path(get, path = "/cairn/v1/sources/{id}", tag = "sources", params(("id" = String, Path, description = "the source")), responses((status = 200, body = Source)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Source>> {
    Ok(axum::Json(object(services.sources.get(&scope, &Id::from_raw(id)).await?)?))
}

/// Changes a source. Another configuration has it looked at at once.
#[utoipa::path(patch, path = "/cairn/v1/sources/{id}", tag = "sources", params(("id" = String, Path, description = "the source")), request_body = UpdateSource, responses((status = 200, body = Source)))]
pub(crate) async fn update(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Json(wanted): Json<UpdateSource>,
) -> ApiResult<axum::Json<Source>> {
    let changes = SourceChanges {
        name: wanted.name,
        config: wanted.config,
        every_seconds: wanted.every_seconds,
    };
    let report = services.sources.update(&scope, &Id::from_raw(id), changes).await?;
    Ok(axum::Json(object(report)?))
}

/// Removes a source. Its files are deleted for good, or kept in the store.
#[utoipa::path(delete, path = "/cairn/v1/sources/{id}", tag = "sources", params(("id" = String, Path, description = "the source"), RemoveSource), responses((status = 200, body = RemovedSource)))]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Query(wanted): Query<RemoveSource>,
) -> ApiResult<axum::Json<RemovedSource>> {
    let keep = match wanted.files.as_deref() {
        None | Some("delete") => false,
        Some("keep") => true,
        Some(other) => {
            let text = format!("files is '{other}'; it is keep or delete");
            return Err(Error::invalid(text).with_param("files").into());
        }
    };
    let deleted = services.sources.remove(&scope, &Id::from_raw(id.as_str()), keep).await?;
    Ok(axum::Json(RemovedSource { id, object: "source.deleted", deleted }))
}

/// Has a source looked at now.
#[utoipa::path(post, path = "/cairn/v1/sources/{id}/sync", tag = "sources", params(("id" = String, Path, description = "the source")), request_body = SyncSource, responses((status = 200, body = Source)))]
pub(crate) async fn sync(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Json(wanted): Json<SyncSource>,
) -> ApiResult<axum::Json<Source>> {
    let asked = (wanted.confirm_deletes, wanted.retry_failed);
    let report = services.sources.sync(&scope, &Id::from_raw(id), asked).await?;
    Ok(axum::Json(object(report)?))
}

/// Lets no run begin, and ends the one under way; what was taken stays.
#[utoipa::path(post, path = "/cairn/v1/sources/{id}/pause", tag = "sources", params(("id" = String, Path, description = "the source")), responses((status = 200, body = Source)))]
pub(crate) async fn pause(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Source>> {
    Ok(axum::Json(object(services.sources.pause(&scope, &Id::from_raw(id), true).await?)?))
}

/// Lets runs begin again, with one at once.
#[utoipa::path(post, path = "/cairn/v1/sources/{id}/resume", tag = "sources", params(("id" = String, Path, description = "the source")), responses((status = 200, body = Source)))]
pub(crate) async fn resume(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<axum::Json<Source>> {
    Ok(axum::Json(object(services.sources.pause(&scope, &Id::from_raw(id), false).await?)?))
}

/// What is held of each thing at a source, oldest first.
#[utoipa::path(get, path = "/cairn/v1/sources/{id}/items", tag = "sources", params(("id" = String, Path, description = "the source"), SourceItemsQuery), responses((status = 200, body = List<SourceItem>)))]
pub(crate) async fn items(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Query(wanted): Query<SourceItemsQuery>,
) -> ApiResult<axum::Json<List<SourceItem>>> {
    let query = ListQuery {
        limit: wanted.limit,
        order: Some("asc".to_owned()),
        after: wanted.after,
        ..ListQuery::default()
    };
    let paging = Paging::of(&query, 1000, 100)?;
    let id = Id::from_raw(id);
    let state = wanted.state.as_deref().filter(|state| !state.is_empty());
    let rows = services.sources.items(&scope, &id, state, &paging.page).await?;
    let items: Vec<SourceItem> = rows.into_iter().map(item).collect();
    Ok(axum::Json(paging.list(items, |item| item.id.clone())))
}

fn object(report: SourceReport) -> Result<Source> {
    let SourceReport { row, items, progress } = report;
    let status = status(&row);
    let last_run = last_run(&row)?;
    // A time that does not come, or that waits for somebody, is none.
    let waits = row.every_seconds == 0 || matches!(status, "paused" | "on_hold" | "removing");
    Ok(Source {
        id: row.id,
        object: "source",
        name: row.name,
        kind: row.kind,
        vector_store_id: row.store_id,
        config: serde_json::from_str(&row.config).or_internal("reading a source")?,
        attributes: serde_json::from_str(&row.attributes).or_internal("reading a source")?,
        every_seconds: row.every_seconds,
        status,
        hold_reason: row.held,
        items: counted(&items),
        progress: progress.map(progressed),
        last_run,
        next_run_at: (!waits).then(|| seconds(row.next_run_at)),
        created_at: seconds(row.created_at),
    })
}

fn status(row: &SourceRow) -> &'static str {
    match row.state.as_str() {
        "removing" => "removing",
        "running" => "syncing",
        _ if row.paused != 0 => "paused",
        "queued" => "queued",
        _ if row.requested != 0 => "queued",
        _ if row.held.is_some() => "on_hold",
        _ => "idle",
    }
}

fn last_run(row: &SourceRow) -> Result<Option<SourceRun>> {
    let Some((outcome, finished_at)) = row.outcome.clone().zip(row.finished_at) else {
        return Ok(None);
    };
    let counts: Counts = serde_json::from_str(&row.counts).or_internal("reading a run")?;
    Ok(Some(SourceRun {
        started_at: row.started_at.map(seconds),
        finished_at: seconds(finished_at),
        outcome,
        error: row.error.clone(),
        counts: counts_of(counts),
    }))
}

fn counted(items: &[SourceItemCount]) -> SourceItemCounts {
    let mut counts = SourceItemCounts::default();
    for of_state in items {
        counts.total += of_state.items;
        counts.bytes += of_state.bytes;
        match of_state.state.as_str() {
            "ready" => counts.ready = of_state.items,
            "pending" => counts.pending = of_state.items,
            "failed" => counts.failed = of_state.items,
            _ => counts.removed += of_state.items,
        }
    }
    counts
}

fn progressed(progress: Progress) -> SourceProgress {
    SourceProgress {
        phase: progress.phase,
        items_total: progress.total,
        items_done: progress.done,
        bytes_total: progress.bytes_total,
        bytes_done: progress.bytes_done,
        eta_seconds: progress.eta_seconds,
        counts: counts_of(progress.counts),
    }
}

fn counts_of(counts: Counts) -> SourceCounts {
    SourceCounts {
        seen: counts.seen,
        added: counts.added,
        updated: counts.updated,
        unchanged: counts.unchanged,
        deleted: counts.deleted,
        failed: counts.failed,
        bytes: counts.bytes,
    }
}

fn item(row: SourceItemRow) -> SourceItem {
    SourceItem {
        id: row.id,
        object: "source.item",
        key: row.key,
        name: row.name,
        state: row.state,
        file_id: row.file_id,
        pending_file_id: row.pending_id,
        error: row.error,
        attempts: row.attempts,
        retry_at: row.retry_at.map(seconds),
        bytes: row.bytes,
        modified_at: row.modified_at,
        updated_at: seconds(row.updated_at),
    }
}
