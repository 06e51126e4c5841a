//! `fetch`: the text of a document.

use cairn_kernel::{Error, Kind, Result};
use cairn_wire::mcp::{McpFetch, McpFetched};

use super::with_remedy;
use crate::mcp::Visit;
use crate::mcp::links::Homes;
use crate::mcp::places::{Part, Place};

/// Gives a document, or the part of it that is asked for.
///
/// # Errors
/// `Invalid` for what is no id, `NotFound` when there is no such file for this caller, or it was
/// not read.
pub(super) async fn call(visit: &Visit, arguments: Result<McpFetch>) -> Result<McpFetched> {
    let McpFetch { id } = arguments?;
    let place = Place::read(id.trim())?;
    let (file, row) = visit.text(&place.file).await.map_err(unread)?;
    let total = row.text.chars().count();
    let window = place.window(total);
    // It may be deleted or closed since its text was read.
    let home = Homes::of(visit, &[]).find(&place.file).await?;
    let gone = || unread(Error::not_found(format!("file '{}'", place.file)));
    let home = home.ok_or_else(gone)?;
    let mut metadata = home.metadata();
    let from = |start| Place { part: Part::From(start), ..place.clone() }.to_string();
    metadata.extend([
        ("file_id".to_owned(), place.file.to_string()),
        ("characters".to_owned(), format!("{}-{} of {total}", window.start, window.end)),
    ]);
    if window.end < total {
        metadata.insert("next".to_owned(), from(window.end));
    }
    Ok(McpFetched {
        url: home.link(&visit.links, &place),
        id,
        title: file.filename,
        text: row.text.chars().skip(window.start).take(window.len()).collect(),
        metadata,
    })
}

/// Why there is no text, and what to do where it is not there.
fn unread(error: Error) -> Error {
    match error.kind() {
        Kind::NotFound => {
            with_remedy(error, "send an id that search gave; a new file must be read first")
        }
        _ => error,
    }
}
