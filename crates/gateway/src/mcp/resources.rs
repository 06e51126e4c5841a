//! Resources: the texts of the caller's files, as `cairn://files/file-…`.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt as _};
use cairn_services::{Order, Page};
use cairn_wire::mcp::{
    McpContent, McpContents, McpCursor, McpRead, McpResource, McpResources, McpTemplate,
    McpTemplates,
};
use serde_json::Value;

use super::Visit;
use crate::openai::convert::cursor;

const PREFIX: &str = "cairn://files/";
const TEXT: &str = "text/plain";
/// Files on a page.
const PAGE: usize = 100;
/// Most bytes of a text that are given at once.
const TEXT_MAX: usize = 1 << 20;

/// The name of a file's text.
pub(super) fn uri(file: &Id) -> String {
    format!("{PREFIX}{file}")
}

/// A page of the files that the caller's questions are answered from, the newest first; it has
/// fewer where the caller manages others too.
///
/// # Errors
/// `Invalid` for a cursor that no page named.
pub(super) async fn list(visit: &Visit, asked: McpCursor) -> Result<Value> {
    let after = cursor("cursor", asked.cursor.as_deref())?;
    let limit = i64::try_from(PAGE + 1).unwrap_or(i64::MAX);
    let page = Page { limit, order: Order::Descending, after, before: None };
    let mut files = visit.services.files.list(&visit.scope, None, &page).await?;
    let more = files.len() > PAGE;
    files.truncate(PAGE);
    let next_cursor = files.last().filter(|_| more).map(|file| file.id.clone());
    let mut resources = Vec::with_capacity(files.len());
    for file in files {
        let id = Id::from_raw(file.id);
        let closed = file.restricted != 0;
        if closed && !visit.services.responses.is_askable(&visit.scope, &id).await? {
            continue;
        }
        resources.push(McpResource { uri: uri(&id), name: file.filename, mime_type: TEXT });
    }
    serde_json::to_value(McpResources { resources, next_cursor }).or_internal("writing resources")
}

/// How their names are made.
pub(super) fn templates() -> McpTemplates {
    McpTemplates {
        resource_templates: vec![McpTemplate {
            uri_template: "cairn://files/{file_id}",
            name: "file",
            title: "The text of a file",
            mime_type: TEXT,
        }],
    }
}

/// The text of a file.
///
/// # Errors
/// `NotFound` when there is no such file for this caller, or it was not read; `TooLarge` for
/// a long text.
pub(super) async fn read(visit: &Visit, asked: McpRead) -> Result<Value> {
    let id = asked.uri.strip_prefix(PREFIX).filter(|id| !id.is_empty());
    let id = id.ok_or_else(|| {
        let message = format!("'{}' is no resource; send {PREFIX} and the id of a file", asked.uri);
        Error::invalid(message).with_param("uri")
    })?;
    let id = Id::from_raw(id);
    let (_, text) = visit.text(&id).await?;
    let text = bounded(&id, text.text)?;
    let content = McpContent { uri: asked.uri, mime_type: TEXT, text };
    serde_json::to_value(McpContents { contents: vec![content] }).or_internal("writing a resource")
}

/// A text that is not too long to be given at once.
fn bounded(id: &Id, text: String) -> Result<String> {
    if text.len() <= TEXT_MAX {
        return Ok(text);
    }
    let message =
        format!("the text of '{id}' has more than 1 MB; read it in parts with the tool fetch");
    Err(Error::new(Kind::TooLarge, message).with_param("uri"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_given_up_to_its_bound() {
        let id = Id::from_raw("file-a");
        assert!(bounded(&id, "a".repeat(TEXT_MAX)).is_ok());
        let refused = bounded(&id, "a".repeat(TEXT_MAX + 1)).err();
        assert_eq!(refused.as_ref().map(Error::kind), Some(Kind::TooLarge));
        assert!(refused.is_some_and(|error| error.message().contains("fetch")));
    }
}
