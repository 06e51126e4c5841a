//! `/v1/uploads`: files that come in parts.

use axum::Json;
use axum::extract::{Path, Request, State};
use cairn_kernel::{Id, Result};
use cairn_services::Services;
use cairn_services::files::FileWish;
use cairn_services::uploads::{PART_BYTES, Upload};
use cairn_wire::openai::{CompleteUpload, CreateUpload, PartForm, UploadObject, UploadPart};

use super::convert::{file_expiry, seconds};
use super::{files, form};
use crate::error::ApiResult;
use crate::extract::{Caller, Json as Body};

/// Begins an upload.
#[utoipa::path(
    post,
    path = "/v1/uploads",
    tag = "uploads",
    request_body = CreateUpload,
    responses((status = 200, body = UploadObject))
)]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    Body(request): Body<CreateUpload>,
) -> ApiResult<Json<UploadObject>> {
    let (wish, bytes) = wish(request)?;
    Ok(Json(object(services.uploads.create(&scope, wish, bytes).await?)))
}

fn wish(request: CreateUpload) -> Result<(FileWish, i64)> {
    let expiry = request.expires_after;
    let expires_after =
        expiry.map(|expiry| file_expiry(&expiry.anchor, expiry.seconds)).transpose()?;
    let wish = FileWish { filename: request.filename, purpose: request.purpose, expires_after };
    Ok((wish, request.bytes))
}

/// Keeps a part of an upload.
#[utoipa::path(
    post,
    path = "/v1/uploads/{id}/parts",
    tag = "uploads",
    params(("id" = String, Path)),
    request_body(content = PartForm, content_type = "multipart/form-data"),
    responses((status = 200, body = UploadPart))
)]
pub(crate) async fn add_part(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    request: Request,
) -> ApiResult<Json<UploadPart>> {
    let limit = PART_BYTES.min(services.limits.upload_bytes);
    let upload = Id::from_raw(id.as_str());
    let expected = services.uploads.expect_part(&scope, &upload).await;
    let begun = expected.and_then(|()| services.uploads.begin_part(&scope, &upload));
    let came = form::part(request, limit, begun).await?;
    let part = services.uploads.add_part(&scope, &upload, came).await?;
    Ok(Json(UploadPart {
        id: part.id,
        object: "upload.part",
        created_at: seconds(part.created_at),
        upload_id: id,
    }))
}

/// Makes the file out of the parts.
#[utoipa::path(
    post,
    path = "/v1/uploads/{id}/complete",
    tag = "uploads",
    params(("id" = String, Path)),
    request_body = CompleteUpload,
    responses((status = 200, body = UploadObject))
)]
pub(crate) async fn complete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Body(request): Body<CompleteUpload>,
) -> ApiResult<Json<UploadObject>> {
    let parts: Vec<Id> = request.part_ids.into_iter().map(Id::from_raw).collect();
    let id = Id::from_raw(id);
    let upload = services.uploads.complete(&scope, &id, &parts, request.md5.as_deref()).await?;
    Ok(Json(object(upload)))
}

/// Gives an upload up.
#[utoipa::path(
    post,
    path = "/v1/uploads/{id}/cancel",
    tag = "uploads",
    params(("id" = String, Path)),
    responses((status = 200, body = UploadObject))
)]
pub(crate) async fn cancel(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<UploadObject>> {
    Ok(Json(object(services.uploads.cancel(&scope, &Id::from_raw(id)).await?)))
}

fn object(upload: Upload) -> UploadObject {
    let Upload { row, file } = upload;
    UploadObject {
        id: row.id,
        object: "upload",
        bytes: row.bytes,
        created_at: seconds(row.created_at),
        expires_at: seconds(row.expires_at),
        filename: row.filename,
        purpose: row.purpose,
        status: row.status,
        file: file.map(files::object),
    }
}
