//! The web console's files, embedded in the program.

use axum::Router;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

use crate::App;

#[derive(RustEmbed)]
#[folder = "../../console/dist"]
struct Dist;

const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; frame-ancestors 'none'";

pub(crate) fn routes() -> Router<App> {
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/console/") }))
        .route("/console", get(|| async { Redirect::permanent("/console/") }))
        .route("/console/", get(|| async { page("index.html") }))
        .route("/console/{*path}", get(|Path(path): Path<String>| async move { page(&path) }))
}

/// A file of the console; any other path is a deep link into the application.
fn page(path: &str) -> Response {
    let (name, found) = match Dist::get(path) {
        Some(file) => (path, Some(file)),
        None => ("index.html", Dist::get("index.html")),
    };
    let Some(file) = found else {
        return axum::http::StatusCode::NOT_FOUND.into_response();
    };
    let caching = if name.starts_with("assets/") {
        "public, max-age=31536000, immutable"
    } else {
        "no-cache"
    };
    let mut headers = HeaderMap::new();
    if let Ok(kind) = HeaderValue::from_str(file.metadata.mimetype()) {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(caching));
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    (headers, file.data.into_owned()).into_response()
}
