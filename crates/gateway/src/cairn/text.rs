//! The text of a document, where its citations can be read in place.

use axum::extract::{Path, Query, State};
use cairn_kernel::{Id, ResultExt};
use cairn_services::Services;
use cairn_wire::cairn::{DocumentText, TextRange};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ApiResult;
use crate::extract::Caller;

/// A part of a document's text, or all of it; offsets count characters.
#[utoipa::path(get, path = "/cairn/v1/files/{id}/text", tag = "documents", params(("id" = String, Path, description = "the file"), ("start" = Option<usize>, Query, description = "first character"), ("end" = Option<usize>, Query, description = "one past the last")), responses((status = 200, body = DocumentText)))]
pub(crate) async fn text(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(id): Path<String>,
    Query(range): Query<TextRange>,
) -> ApiResult<axum::Json<DocumentText>> {
    let (file, row) = services.files.text(&scope, &Id::from_raw(id)).await?;
    let structure: Value =
        serde_json::from_str(&row.structure).or_internal("reading a document's structure")?;
    let total = row.text.chars().count();
    let (start, end) = clamp(range, total);
    Ok(axum::Json(DocumentText {
        file_id: file.id,
        filename: file.filename,
        text: row.text.chars().skip(start).take(end - start).collect(),
        start,
        end,
        total,
        pages: pages(&structure),
        headings: structure["headings"].clone(),
        notes: notes(&structure),
    }))
}

fn clamp(range: TextRange, total: usize) -> (usize, usize) {
    let start = range.start.unwrap_or(0).min(total);
    (start, range.end.unwrap_or(total).clamp(start, total))
}

/// The documents' pages call their number `number`; the API calls it `page`.
fn pages(structure: &Value) -> Value {
    let page =
        |page: &Value| json!({"page": page["number"], "start": page["start"], "end": page["end"]});
    structure["pages"].as_array().map_or_else(|| json!([]), |all| all.iter().map(page).collect())
}

/// What was guessed or left out when a file was read.
fn notes(structure: &Value) -> Vec<String> {
    let notes = structure["notes"].as_array().into_iter().flatten();
    notes.filter_map(Value::as_str).map(str::to_owned).collect()
}

/// A store's name.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct StoreName {
    name: String,
}

/// Finds a vector store by its name or id, for the command line.
#[utoipa::path(get, path = "/cairn/v1/vector_stores/resolve", tag = "documents", params(("name" = String, Query, description = "name or id")), responses((status = 200, description = "id and name")))]
pub(crate) async fn resolve_store(
    State(services): State<Services>,
    Caller(scope): Caller,
    Query(wanted): Query<StoreName>,
) -> ApiResult<axum::Json<Value>> {
    let store = services.stores.resolve(&scope, &wanted.name).await?;
    Ok(axum::Json(json!({"id": store.id, "name": store.name})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_never_leaves_the_text() {
        let range = |start, end| clamp(TextRange { start, end }, 10);
        assert_eq!(range(None, None), (0, 10));
        assert_eq!(range(Some(4), Some(2)), (4, 4));
        assert_eq!(range(Some(99), Some(100)), (10, 10));
    }

    #[test]
    fn notes_are_told_where_there_are_any() {
        let told = notes(&json!({"notes": ["page 2 has no text", "a part was not read"]}));
        assert_eq!(told, ["page 2 has no text", "a part was not read"]);
        assert!(notes(&json!({"notes": []})).is_empty() && notes(&json!({})).is_empty());
    }
}
