//! `list_stores`, and which stores a call of another tool asks.

use cairn_kernel::{Error, Id, Kind, Result};
use cairn_services::Page;
use cairn_wire::mcp::{McpListStores, McpStore, McpStores};

use super::with_remedy;
use crate::mcp::Visit;

/// Most stores that a call names.
const NAMED_MAX: usize = 16;
/// Most stores that are asked where none is named: each costs a search.
const ALL_MAX: usize = 64;
/// Most stores that are listed.
const LISTED_MAX: usize = 100;

/// The stores that are asked.
pub(super) struct Asked {
    pub(super) stores: Vec<Id>,
    /// What is to be known of that.
    pub(super) note: Option<String>,
}

/// The stores of these names and ids, each once, or without any the tenant's newest.
///
/// # Errors
/// `NotFound` where there is no store, `Conflict` where several share a name, `Invalid` for too
/// many.
pub(super) async fn asked(visit: &Visit, named: &[String]) -> Result<Asked> {
    if named.is_empty() {
        let all = visit.services.responses.named_stores(&visit.scope).await?;
        let all: Vec<Id> = all.into_iter().map(|store| store.id).collect();
        return among_all(all);
    }
    if named.len() > NAMED_MAX {
        let message = format!("stores names {}; name at most {NAMED_MAX}", named.len());
        return Err(Error::invalid(message).with_param("stores"));
    }
    let mut stores = Vec::with_capacity(named.len());
    for name in named {
        let resolved = visit.services.stores.resolve(&visit.scope, name).await;
        let row = resolved.map_err(|error| match error.kind() {
            Kind::NotFound => with_remedy(error, "list_stores names those there are"),
            _ => error,
        })?;
        let id = Id::from_raw(row.id);
        if !stores.contains(&id) {
            stores.push(id);
        }
    }
    Ok(Asked { stores, note: None })
}

fn among_all(mut stores: Vec<Id>) -> Result<Asked> {
    if stores.is_empty() {
        return Err(Error::new(
            Kind::NotFound,
            "there is no vector store to search; make one in the console or with POST \
             /v1/vector_stores, and attach files to it",
        ));
    }
    let left = stores.len().saturating_sub(ALL_MAX);
    stores.truncate(ALL_MAX);
    let note = (left > 0).then(|| {
        format!(
            "only the newest {ALL_MAX} stores were asked and {left} were not; name one that \
             list_stores gives to ask it"
        )
    });
    Ok(Asked { stores, note })
}

/// Lists the stores that have not expired.
///
/// # Errors
/// `Invalid` for arguments, of which there are none.
pub(super) async fn call(visit: &Visit, arguments: Result<McpListStores>) -> Result<McpStores> {
    arguments?;
    let page = Page::first(i64::try_from(LISTED_MAX + 1).unwrap_or(i64::MAX));
    let mut rows = visit.services.stores.list(&visit.scope, &page).await?;
    let has_more = rows.len() > LISTED_MAX;
    rows.truncate(LISTED_MAX);
    let now = visit.services.now_seconds() * 1000;
    rows.retain(|(row, _)| row.expires_at().is_none_or(|at| at > now));
    let stores = rows.into_iter().map(|(row, counts)| McpStore {
        id: row.id,
        name: row.name,
        description: row.description,
        files: counts.completed,
    });
    Ok(McpStores { stores: stores.collect(), has_more })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bounded_number_of_stores_is_asked_and_it_is_said() -> Result<()> {
        let ids = |count: usize| (0..count).map(|at| Id::from_raw(format!("vs_{at}"))).collect();
        let few = among_all(ids(ALL_MAX))?;
        assert_eq!((few.stores.len(), few.note), (ALL_MAX, None));
        let many = among_all(ids(ALL_MAX + 3))?;
        assert_eq!(many.stores.len(), ALL_MAX);
        assert!(many.note.is_some_and(|note| note.contains("3 were not")));
        assert_eq!(among_all(Vec::new()).err().map(|error| error.kind()), Some(Kind::NotFound));
        Ok(())
    }
}
