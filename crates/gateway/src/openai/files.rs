//! `/v1/files`: uploads, lists, downloads, deletes.

use axum::Json;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use cairn_kernel::Id;
use cairn_services::Services;
use cairn_services::records::FileRow;
use cairn_wire::openai::{Erased, ErasedExtra, FileExtra, FileObject, List, ListQuery, UploadForm};

use super::convert::{Listing, Paging, seconds};
use super::form;
use crate::error::ApiResult;
use crate::extract::Caller;

/// Keeps an upload.
#[utoipa::path(
    post,
    path = "/v1/files",
    tag = "files",
    request_body(content = UploadForm, content_type = "multipart/form-data"),
    responses((status = 200, body = FileObject))
)]
pub(crate) async fn upload(
    State(services): State<Services>,
    Caller(scope): Caller,
    request: Request,
) -> ApiResult<Json<FileObject>> {
    let begun = services.files.begin(&scope);
    let (wish, came) = form::file(request, services.limits.upload_bytes, begun).await?;
    let row = services.files.keep(&scope, wish, came).await?;
    Ok(Json(object(row)))
}

/// Lists files.
#[utoipa::path(
    get,
    path = "/v1/files",
    tag = "files",
    params(ListQuery),
    responses((status = 200, body = List<FileObject>))
)]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
    Listing(query): Listing,
) -> ApiResult<Json<List<FileObject>>> {
    let paging = Paging::of(&query, 10_000, 10_000)?.over("file-")?;
    let rows = services.files.list(&scope, query.purpose.as_deref(), &paging.page).await?;
    Ok(Json(
        paging.list(rows.into_iter().map(object).collect(), |file: &FileObject| file.id.clone()),
    ))
}

/// The facts of a file.
#[utoipa::path(
    get,
    path = "/v1/files/{id}",
    tag = "files",
    params(("id" = String, Path)),
    responses((status = 200, body = FileObject))
)]
pub(crate) async fn retrieve(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<FileObject>> {
    Ok(Json(object(services.files.get(&scope, &Id::from_raw(id)).await?)))
}

/// Deletes a file everywhere, stored answers and conversations included.
#[utoipa::path(
    delete,
    path = "/v1/files/{id}",
    tag = "files",
    params(("id" = String, Path)),
    responses((status = 200, body = Erased))
)]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<Json<Erased>> {
    let erased = services.erase.file(&scope, &Id::from_raw(id.as_str())).await?;
    let cairn = ErasedExtra { erasure: erased.id, source_files: None };
    Ok(Json(Erased { id, object: "file", deleted: true, cairn }))
}

/// The bytes of a file.
#[utoipa::path(
    get,
    path = "/v1/files/{id}/content",
    tag = "files",
    params(("id" = String, Path)),
    responses((status = 200, description = "The bytes", content_type = "application/octet-stream"))
)]
pub(crate) async fn content(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<Response> {
    let (row, bytes) = services.files.content(&scope, &Id::from_raw(id)).await?;
    let headers = [
        (CONTENT_TYPE, "application/octet-stream".to_owned()),
        (CONTENT_LENGTH, row.bytes.to_string()),
        (CONTENT_DISPOSITION, attachment(&row.filename)),
    ];
    Ok((headers, Body::from_stream(bytes)).into_response())
}

/// A file for the wire.
pub(super) fn object(row: FileRow) -> FileObject {
    FileObject {
        id: row.id,
        object: "file",
        bytes: row.bytes,
        created_at: seconds(row.created_at),
        filename: row.filename,
        purpose: row.purpose,
        status: "processed",
        expires_at: row.expires_at.map(seconds),
        cairn: FileExtra { restricted: row.restricted != 0 },
    }
}

/// A disposition with the name in ASCII for old clients and in UTF-8 for others (RFC 6266).
fn attachment(filename: &str) -> String {
    let plain =
        |c: char| if (c.is_ascii_graphic() || c == ' ') && !"\"\\%".contains(c) { c } else { '_' };
    let ascii: String = filename.chars().map(plain).collect();
    let mut encoded = String::new();
    for byte in filename.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_name_cannot_leave_its_header() {
        assert_eq!(
            attachment("a\"b\r\n\u{e9}.pdf"),
            "attachment; filename=\"a_b___.pdf\"; filename*=UTF-8''a%22b%0D%0A%C3%A9.pdf"
        );
    }
}
