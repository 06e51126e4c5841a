//! OpenAI's surface: files, uploads, vector stores, search, chat, responses,
//! conversations, embeddings, models.
//!
//! Handlers convert and call one service. What a request asks for and is not done
//! here is refused with a 400 that names the field, never left out silently.

pub(crate) mod chat;
pub(crate) mod conversations;
pub(crate) mod convert;
pub(crate) mod embeddings;
pub(crate) mod files;
mod files_asked;
mod form;
mod functions;
pub(crate) mod models;
pub(crate) mod rerank;
pub(crate) mod responses;
pub(crate) mod search;
pub(crate) mod sse;
pub(crate) mod stores;
pub(crate) mod uploads;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{get, post};

use crate::App;

/// Every OpenAI route.
pub(crate) fn routes() -> Router<App> {
    let store_files = get(stores::list_files).post(stores::attach);
    let store_file = get(stores::file).post(stores::update_file).delete(stores::detach);
    // An upload counts its own bytes, so that one over the limit is answered cleanly.
    let files = post(files::upload).layer(DefaultBodyLimit::disable()).get(files::list);
    let parts = post(uploads::add_part).layer(DefaultBodyLimit::disable());
    let conversation =
        get(conversations::retrieve).post(conversations::update).delete(conversations::delete);
    let items = get(conversations::list_items).post(conversations::add_items);
    let item = get(conversations::retrieve_item).delete(conversations::delete_item);
    Router::new()
        .route("/v1/files", files)
        .route("/v1/files/{id}", get(files::retrieve).delete(files::delete))
        .route("/v1/files/{id}/content", get(files::content))
        .route("/v1/uploads", post(uploads::create))
        .route("/v1/uploads/{id}/parts", parts)
        .route("/v1/uploads/{id}/complete", post(uploads::complete))
        .route("/v1/uploads/{id}/cancel", post(uploads::cancel))
        .route("/v1/vector_stores", get(stores::list).post(stores::create))
        .route(
            "/v1/vector_stores/{id}",
            get(stores::retrieve).post(stores::update).delete(stores::delete),
        )
        .route("/v1/vector_stores/{id}/search", post(search::search))
        .route("/v1/vector_stores/{id}/files", store_files)
        .route("/v1/vector_stores/{id}/files/{file_id}", store_file)
        .route("/v1/vector_stores/{id}/files/{file_id}/content", get(stores::file_content))
        .route("/v1/vector_stores/{id}/file_batches", post(stores::create_batch))
        .route("/v1/vector_stores/{id}/file_batches/{batch_id}", get(stores::batch))
        .route("/v1/vector_stores/{id}/file_batches/{batch_id}/cancel", post(stores::cancel_batch))
        .route("/v1/vector_stores/{id}/file_batches/{batch_id}/files", get(stores::batch_files))
        .route("/v1/chat/completions", post(chat::create))
        .route("/v1/embeddings", post(embeddings::create))
        .route("/v1/rerank", post(rerank::v1))
        .route("/v2/rerank", post(rerank::v2))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{*id}", get(models::retrieve))
        .route("/v1/responses", post(responses::create))
        .route("/v1/responses/{id}", get(responses::retrieve).delete(responses::delete))
        .route("/v1/responses/input_tokens", post(responses::input_tokens))
        .route("/v1/responses/compact", post(responses::compaction::compact))
        .route("/v1/responses/{id}/cancel", post(responses::cancel))
        .route("/v1/responses/{id}/input_items", get(responses::input_items))
        .route("/v1/conversations", post(conversations::create))
        .route("/v1/conversations/{id}", conversation)
        .route("/v1/conversations/{id}/items", items)
        .route("/v1/conversations/{id}/items/{item_id}", item)
}
