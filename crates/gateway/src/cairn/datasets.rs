//! Tables.

use axum::extract::{Multipart, Path, Query, State};
use cairn_kernel::Error;
use cairn_services::datasets::Dataset as Held;
use cairn_services::{QueryLimits, Services};
use cairn_wire::cairn::{Dataset, RowRange, Rows, SqlQuery};
use cairn_wire::openai::{Deleted, List};
use serde_json::{Value, json};

use super::upload;
use crate::error::ApiResult;
use crate::extract::{Caller, Json};

const ROWS: u64 = 50;
const ROWS_MAX: u64 = 10_000;

fn wire(held: Held) -> Dataset {
    Dataset {
        id: held.id,
        object: "dataset",
        name: held.name,
        version: held.version,
        rows: held.snapshot.rows,
        columns: held.snapshot.columns.iter().map(|column| json!(column)).collect(),
        notes: held.snapshot.notes,
        sha256: held.snapshot.sha256,
        bytes: held.snapshot.bytes,
        created_at: held.created_at / 1000,
        source: held.source,
    }
}

/// Imports a CSV or Parquet file (multipart: `file`, `name`).
#[utoipa::path(post, path = "/cairn/v1/datasets", tag = "tables", responses((status = 200, body = Dataset)))]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    form: Multipart,
) -> ApiResult<axum::Json<Dataset>> {
    let begun = services.datasets.begin(&scope).await?;
    let upload = upload::read(form, services.limits.upload_bytes, begun).await?;
    if upload.base.is_some() {
        let text = "a dataset has no 'base'; leave that part out";
        return Err(Error::invalid(text).with_param("base").into());
    }
    let name = upload.name.as_deref();
    let held = services.datasets.import(&scope, name, &upload.filename, upload.came).await?;
    Ok(axum::Json(wire(held)))
}

/// The tenant's datasets.
#[utoipa::path(get, path = "/cairn/v1/datasets", tag = "tables", responses((status = 200, body = List<Dataset>)))]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
) -> ApiResult<axum::Json<List<Dataset>>> {
    let held = services.datasets.list(&scope).await?;
    Ok(axum::Json(super::whole(held.into_iter().map(wire).collect(), |dataset| &dataset.id)))
}

/// One dataset.
#[utoipa::path(get, path = "/cairn/v1/datasets/{name}", tag = "tables", params(("name" = String, Path, description = "the dataset")), responses((status = 200, body = Dataset)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
) -> ApiResult<axum::Json<Dataset>> {
    Ok(axum::Json(wire(services.datasets.get(&scope, &name).await?)))
}

/// Deletes a dataset with all versions.
#[utoipa::path(delete, path = "/cairn/v1/datasets/{name}", tag = "tables", params(("name" = String, Path, description = "the dataset")), responses((status = 200, body = Deleted)))]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
) -> ApiResult<axum::Json<Deleted>> {
    services.datasets.delete(&scope, &name).await?;
    Ok(axum::Json(Deleted { id: name, object: "dataset.deleted", deleted: true }))
}

/// Some rows.
#[utoipa::path(get, path = "/cairn/v1/datasets/{name}/rows", tag = "tables", params(("name" = String, Path, description = "the dataset"), ("limit" = Option<u64>, Query, description = "50 by default, at most 10,000"), ("offset" = Option<u64>, Query, description = "the first row")), responses((status = 200, body = Rows)))]
pub(crate) async fn rows(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
    Query(range): Query<RowRange>,
) -> ApiResult<axum::Json<Rows>> {
    let limit = range.limit.unwrap_or(ROWS);
    if limit > ROWS_MAX {
        let text = format!("limit is {limit}; it can be at most {ROWS_MAX}");
        return Err(Error::invalid(text).with_param("limit").into());
    }
    let narrow = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let offset = narrow(range.offset.unwrap_or(0));
    let page = services.datasets.rows(&scope, &name, offset, narrow(limit)).await?;
    Ok(axum::Json(Rows { columns: page.columns, rows: page.rows, total: page.total }))
}

/// Read-only SQL over the tenant's datasets.
#[utoipa::path(post, path = "/cairn/v1/datasets/query", tag = "tables", request_body = SqlQuery, responses((status = 200, description = "columns, rows, truncated, milliseconds")))]
pub(crate) async fn query(
    State(services): State<Services>,
    Caller(scope): Caller,
    Json(wanted): Json<SqlQuery>,
) -> ApiResult<axum::Json<Value>> {
    let found = services.datasets.query(&scope, &wanted.sql, QueryLimits::default()).await?;
    Ok(axum::Json(json!(found)))
}
