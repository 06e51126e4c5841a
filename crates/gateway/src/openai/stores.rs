//! `/v1/vector_stores`: stores, their files, batches of files.

mod objects;

use axum::Json;
use axum::extract::{Path, Query, State};
use cairn_kernel::{Error, Id, Result, Scope};
use cairn_services::Services;
use cairn_wire::openai::{
    AttachFile, CreateFileBatch, CreateVectorStore, DeleteStore, Deleted, Erased, ErasedExtra,
    FileBatch, FileContentPage, List, ListQuery, SourceFiles, TextContent, UpdateAttributes,
    UpdateVectorStore, VectorStore, VectorStoreFile,
};

use super::convert::{Listing, POLL_AFTER, Paging};
use crate::error::ApiResult;
use crate::extract::{Caller, Json as Body};

/// An answer with the time after which to ask again.
type Polled<T> = ([(&'static str, &'static str); 1], Json<T>);

fn polled<T>(value: T) -> Polled<T> {
    (POLL_AFTER, Json(value))
}

async fn store(services: &Services, scope: &Scope, id: &Id) -> ApiResult<Polled<VectorStore>> {
    let (row, counts) = services.stores.get(scope, id).await?;
    let language = services.stores.language(scope, id).await?;
    Ok(polled(objects::store(row, &counts, language, services.now_seconds())?))
}

/// Makes a vector store.
#[utoipa::path(
    post,
    path = "/v1/vector_stores",
    tag = "vector stores",
    request_body = CreateVectorStore,
    responses((status = 200, body = VectorStore))
)]
pub(crate) async fn create(
    State(services): State<Services>,
    Caller(scope): Caller,
    Body(request): Body<CreateVectorStore>,
) -> ApiResult<Polled<VectorStore>> {
    let (settings, files) = objects::new_store(request)?;
    let made = services.stores.create(&scope, settings, &files).await?;
    store(&services, &scope, &Id::from_raw(made.id)).await
}

/// Lists vector stores.
#[utoipa::path(
    get,
    path = "/v1/vector_stores",
    tag = "vector stores",
    params(ListQuery),
    responses((status = 200, body = List<VectorStore>))
)]
pub(crate) async fn list(
    State(services): State<Services>,
    Caller(scope): Caller,
    Listing(query): Listing,
) -> ApiResult<Json<List<VectorStore>>> {
    let paging = Paging::of(&query, 100, 20)?.over("vs_")?;
    let found = services.stores.list(&scope, &paging.page).await?;
    let now = services.now_seconds();
    let mut data = Vec::with_capacity(found.len());
    for (row, counts) in found {
        let language = services.stores.language(&scope, &Id::from_raw(row.id.as_str())).await?;
        data.push(objects::store(row, &counts, language, now)?);
    }
    Ok(Json(paging.list(data, |store| store.id.clone())))
}

/// One vector store.
#[utoipa::path(
    get,
    path = "/v1/vector_stores/{id}",
    tag = "vector stores",
    params(("id" = String, Path)),
    responses((status = 200, body = VectorStore))
)]
pub(crate) async fn retrieve(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
) -> ApiResult<Polled<VectorStore>> {
    store(&services, &scope, &Id::from_raw(id)).await
}

/// Changes a vector store.
#[utoipa::path(
    post,
    path = "/v1/vector_stores/{id}",
    tag = "vector stores",
    params(("id" = String, Path)),
    request_body = UpdateVectorStore,
    responses((status = 200, body = VectorStore))
)]
pub(crate) async fn update(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Body(request): Body<UpdateVectorStore>,
) -> ApiResult<Polled<VectorStore>> {
    let id = Id::from_raw(id);
    services.stores.update(&scope, &id, objects::changes(request)?).await?;
    store(&services, &scope, &id).await
}

/// Deletes a vector store and its sources; its files remain, unless those that its sources
/// brought are to be deleted too.
#[utoipa::path(
    delete,
    path = "/v1/vector_stores/{id}",
    tag = "vector stores",
    params(("id" = String, Path), DeleteStore),
    responses((status = 200, body = Erased))
)]
pub(crate) async fn delete(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Query(wanted): Query<DeleteStore>,
) -> ApiResult<Json<Erased>> {
    let with_files = deletes_files(wanted.files.as_deref())?;
    let erased = services.erase.store(&scope, &Id::from_raw(id.as_str()), with_files).await?;
    let files = SourceFiles { deleted: erased.files_deleted, left: erased.files_left };
    let source_files = (files.deleted + files.left > 0).then_some(files);
    let cairn = ErasedExtra { erasure: erased.erasure.id, source_files };
    Ok(Json(Erased { id, object: "vector_store.deleted", deleted: true, cairn }))
}

/// Whether the files that sources brought are to be deleted with a store.
fn deletes_files(files: Option<&str>) -> Result<bool> {
    match files {
        None | Some("keep") => Ok(false),
        Some("delete") => Ok(true),
        Some(other) => {
            let message = format!("files is '{other}'; it is keep or delete");
            Err(Error::invalid(message).with_param("files"))
        }
    }
}

/// Attaches a file; it is read in the background.
#[utoipa::path(
    post,
    path = "/v1/vector_stores/{id}/files",
    tag = "vector stores",
    params(("id" = String, Path)),
    request_body = AttachFile,
    responses((status = 200, body = VectorStoreFile))
)]
pub(crate) async fn attach(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Body(request): Body<AttachFile>,
) -> ApiResult<Polled<VectorStoreFile>> {
    let wanted = objects::attachment(request)?;
    let row = services.stores.attach(&scope, &Id::from_raw(id), &wanted).await?;
    Ok(polled(objects::file(row)?))
}

/// Lists attached files.
#[utoipa::path(
    get,
    path = "/v1/vector_stores/{id}/files",
    tag = "vector stores",
    params(("id" = String, Path), ListQuery),
    responses((status = 200, body = List<VectorStoreFile>))
)]
pub(crate) async fn list_files(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Listing(query): Listing,
) -> ApiResult<Json<List<VectorStoreFile>>> {
    listed(&services, &scope, &Id::from_raw(id), None, &query).await
}

async fn listed(
    services: &Services,
    scope: &Scope,
    store: &Id,
    batch: Option<&Id>,
    query: &ListQuery,
) -> ApiResult<Json<List<VectorStoreFile>>> {
    let paging = Paging::of(query, 100, 20)?.over("file-")?;
    let status = objects::status_filter(query.filter.as_deref())?;
    let rows = services.stores.files(scope, store, batch, status, &paging.page).await?;
    let data: Result<Vec<_>, _> = rows.into_iter().map(objects::file).collect();
    Ok(Json(paging.list(data?, |file| file.id.clone())))
}

/// One attached file.
#[utoipa::path(
    get,
    path = "/v1/vector_stores/{id}/files/{file_id}",
    tag = "vector stores",
    params(("id" = String, Path), ("file_id" = String, Path)),
    responses((status = 200, body = VectorStoreFile))
)]
pub(crate) async fn file(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((id, file_id)): Path<(String, String)>,
) -> ApiResult<Polled<VectorStoreFile>> {
    let row = services.stores.file(&scope, &Id::from_raw(id), &Id::from_raw(file_id)).await?;
    Ok(polled(objects::file(row)?))
}

/// Replaces the attributes of an attached file.
#[utoipa::path(
    post,
    path = "/v1/vector_stores/{id}/files/{file_id}",
    tag = "vector stores",
    params(("id" = String, Path), ("file_id" = String, Path)),
    request_body = UpdateAttributes,
    responses((status = 200, body = VectorStoreFile))
)]
pub(crate) async fn update_file(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((id, file_id)): Path<(String, String)>,
    Body(request): Body<UpdateAttributes>,
) -> ApiResult<Polled<VectorStoreFile>> {
    let (id, file_id) = (Id::from_raw(id), Id::from_raw(file_id));
    let attributes = objects::attributes(request)?;
    let row = services.stores.set_attributes(&scope, &id, &file_id, &attributes).await?;
    Ok(polled(objects::file(row)?))
}

/// Takes a file out of a store; the file remains.
#[utoipa::path(
    delete,
    path = "/v1/vector_stores/{id}/files/{file_id}",
    tag = "vector stores",
    params(("id" = String, Path), ("file_id" = String, Path)),
    responses((status = 200, body = Deleted))
)]
pub(crate) async fn detach(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((id, file_id)): Path<(String, String)>,
) -> ApiResult<Json<Deleted>> {
    services.stores.detach(&scope, &Id::from_raw(id), &Id::from_raw(file_id.as_str())).await?;
    Ok(Json(Deleted { id: file_id, object: "vector_store.file.deleted", deleted: true }))
}

/// The text of an attached file, in pieces that join to it.
#[utoipa::path(
    get,
    path = "/v1/vector_stores/{id}/files/{file_id}/content",
    tag = "vector stores",
    params(("id" = String, Path), ("file_id" = String, Path)),
    responses((status = 200, body = FileContentPage))
)]
pub(crate) async fn file_content(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((id, file_id)): Path<(String, String)>,
) -> ApiResult<Json<FileContentPage>> {
    let (id, file_id) = (Id::from_raw(id), Id::from_raw(file_id));
    let texts = services.stores.file_content(&scope, &id, &file_id).await?;
    Ok(Json(FileContentPage {
        object: "vector_store.file_content.page",
        data: texts.into_iter().map(|text| TextContent { kind: "text", text }).collect(),
        has_more: false,
        next_page: None,
    }))
}

/// Attaches many files.
#[utoipa::path(
    post,
    path = "/v1/vector_stores/{id}/file_batches",
    tag = "vector stores",
    params(("id" = String, Path)),
    request_body = CreateFileBatch,
    responses((status = 200, body = FileBatch))
)]
pub(crate) async fn create_batch(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Body(request): Body<CreateFileBatch>,
) -> ApiResult<Polled<FileBatch>> {
    let files = objects::attachments(request)?;
    let made = services.stores.create_batch(&scope, &Id::from_raw(id.as_str()), &files).await?;
    Ok(polled(objects::batch(id, &made)))
}

/// A batch and how far it is.
#[utoipa::path(
    get,
    path = "/v1/vector_stores/{id}/file_batches/{batch_id}",
    tag = "vector stores",
    params(("id" = String, Path), ("batch_id" = String, Path)),
    responses((status = 200, body = FileBatch))
)]
pub(crate) async fn batch(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((id, batch_id)): Path<(String, String)>,
) -> ApiResult<Polled<FileBatch>> {
    let found =
        services.stores.batch(&scope, &Id::from_raw(id.as_str()), &Id::from_raw(batch_id)).await?;
    Ok(polled(objects::batch(id, &found)))
}

/// Cancels what a batch has not read yet.
#[utoipa::path(
    post,
    path = "/v1/vector_stores/{id}/file_batches/{batch_id}/cancel",
    tag = "vector stores",
    params(("id" = String, Path), ("batch_id" = String, Path)),
    responses((status = 200, body = FileBatch))
)]
pub(crate) async fn cancel_batch(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((id, batch_id)): Path<(String, String)>,
) -> ApiResult<Polled<FileBatch>> {
    let (store, batch) = (Id::from_raw(id.as_str()), Id::from_raw(batch_id));
    let found = services.stores.cancel_batch(&scope, &store, &batch).await?;
    Ok(polled(objects::batch(id, &found)))
}

/// Lists the files of a batch.
#[utoipa::path(
    get,
    path = "/v1/vector_stores/{id}/file_batches/{batch_id}/files",
    tag = "vector stores",
    params(("id" = String, Path), ("batch_id" = String, Path), ListQuery),
    responses((status = 200, body = List<VectorStoreFile>))
)]
pub(crate) async fn batch_files(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path((id, batch_id)): Path<(String, String)>,
    Listing(query): Listing,
) -> ApiResult<Json<List<VectorStoreFile>>> {
    let (store, batch) = (Id::from_raw(id), Id::from_raw(batch_id));
    services.stores.batch(&scope, &store, &batch).await?;
    listed(&services, &scope, &store, Some(&batch), &query).await
}
