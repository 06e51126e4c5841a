//! `search`: passages that bear on a query.

use cairn_kernel::{Error, Id, Result};
use cairn_services::Filter;
use cairn_services::retrieve::{Passage, Request};
use cairn_wire::mcp::{McpFound, McpNotes, McpPassage, McpSearch};

use super::stores;
use crate::mcp::Visit;
use crate::mcp::links::Homes;
use crate::mcp::places::{Place, title};
use crate::openai::search::found;

/// Results where nothing else is asked for.
pub(super) const RESULTS: usize = 10;
/// Most results.
pub(super) const RESULTS_MAX: usize = 50;

/// Searches the store that is named, or all.
///
/// # Errors
/// `Invalid` for arguments out of bounds, and what a search fails with.
pub(super) async fn call(visit: &Visit, arguments: Result<McpSearch>) -> Result<McpFound> {
    let McpSearch { query, store, max_results, filters } = arguments?;
    let limit = max_results.unwrap_or(RESULTS);
    if !(1..=RESULTS_MAX).contains(&limit) {
        let message = format!("max_results is {limit}; it must be between 1 and {RESULTS_MAX}");
        return Err(Error::invalid(message).with_param("max_results"));
    }
    if query.trim().is_empty() {
        return Err(Error::invalid("query is empty; ask something").with_param("query"));
    }
    let filter = filters.as_ref().filter(|filter| !filter.is_null());
    let filter = filter.map(Filter::parse).transpose()?;
    let named: Vec<String> = store.into_iter().collect();
    let stores::Asked { stores, note } = stores::asked(visit, &named).await?;
    let request = Request { filter, ..Request::new(stores, query, limit) };
    let passages = found(&visit.services, &visit.scope, &request).await?.passages;
    let results = shown(visit, &request.stores, passages).await?;
    Ok(McpFound { results, cairn: note.map(|note| McpNotes { notes: vec![note] }) })
}

/// Passages that were found in `stores`, but for those that the caller may not read any more.
///
/// # Errors
/// `Internal` when the records refuse.
pub(super) async fn shown(
    visit: &Visit,
    stores: &[Id],
    passages: Vec<Passage>,
) -> Result<Vec<McpPassage>> {
    let mut homes = Homes::of(visit, stores);
    let mut shown = Vec::with_capacity(passages.len());
    for passage in passages {
        let place = place(&passage);
        let Some(home) = homes.find(&place.file).await? else { continue };
        shown.push(McpPassage {
            id: place.to_string(),
            title: heading(&passage),
            url: home.link(&visit.links, &place),
            text: text(passage),
        });
    }
    Ok(shown)
}

fn place(passage: &Passage) -> Place {
    Place::of(&passage.chunk.file_id, (passage.chunk.char_start, passage.chunk.char_end))
}

fn heading(passage: &Passage) -> String {
    let headings = passage.headings.join(" › ");
    title(&passage.chunk.filename, passage.chunk.page, Some(&headings))
}

/// What a passage says; of a table the header row stands above it.
fn text(passage: Passage) -> String {
    let chunk = passage.chunk;
    match chunk.match_start.is_none() && !chunk.context.is_empty() {
        true => format!("{}\n{}", chunk.context, chunk.text),
        false => chunk.text,
    }
}
