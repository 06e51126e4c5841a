//! Vector stores by the names that a chat has for them as its model.
//!
//! Such a name is `store/` and the store's own name, where that tells it from the tenant's others,
//! or else its id, which always does. No other model has a name with a slash: registered ones are
//! of letters, digits and `-_.`, and a test keeps the program's own from it.

use std::collections::HashMap;

use cairn_kernel::{Error, Id, Kind, Result, Scope, Timestamp};
use cairn_store::Page;
use cairn_store::records::StoreRow;

use super::Responses;

/// What such a name begins with.
const PREFIX: &str = "store/";
/// What the id of a store begins with.
const ID: &str = "vs_";
/// Stores that are read at once.
const PAGE: i64 = 500;
/// Most stores that are listed, the newest.
const STORES_MAX: usize = 10_000;

/// A store that a chat can ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamedStore {
    /// What a chat names as its model.
    pub model: String,
    /// `vs_…`
    pub id: Id,
    /// When it was made.
    pub created_at: Timestamp,
}

/// Whether a chat with this model asks a store.
pub fn names_store(model: &str) -> bool {
    model.starts_with(PREFIX)
}

impl Responses {
    /// The tenant's stores that can be asked, the newest first.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub async fn named_stores(&self, scope: &Scope) -> Result<Vec<NamedStore>> {
        let mut rows: Vec<StoreRow> = Vec::new();
        let mut page = Page::first(PAGE);
        loop {
            let read = self.records.list_stores(scope, &page).await?;
            let last = i64::try_from(read.len()).is_ok_and(|count| count < PAGE);
            rows.extend(read);
            if last || rows.len() >= STORES_MAX {
                return Ok(named(&rows, self.records.clock().now()));
            }
            page.after = rows.last().map(|row| Id::from_raw(row.id.as_str()));
        }
    }

    /// The store that a chat names as its model, by its name or by its id.
    ///
    /// # Errors
    /// `NotFound` (`model_not_found`) where the tenant has none of that name that has not expired,
    /// `Conflict` where it has several.
    pub async fn named_store(&self, scope: &Scope, model: &str) -> Result<NamedStore> {
        let unknown = || {
            Error::new(
                Kind::NotFound,
                format!(
                    "the model '{model}' does not exist here: no vector store has that name or \
                     id; GET /v1/models lists those that do"
                ),
            )
            .with_code("model_not_found")
            .with_param("model")
        };
        let name = model.strip_prefix(PREFIX).unwrap_or_default();
        let row = if name.starts_with(ID) {
            match self.records.store(scope, &Id::from_raw(name)).await {
                Err(none) if none.kind() == Kind::NotFound => None,
                found => Some(found?),
            }
        } else if name.is_empty() {
            None
        } else {
            let found = self.records.store_by_name(scope, name).await;
            found.map_err(|error| error.with_param("model"))?
        };
        let now = self.records.clock().now();
        let alive = row.filter(|row| row.expires_at().is_none_or(|at| at > now));
        let row = alive.ok_or_else(unknown)?;
        let id = Id::from_raw(row.id);
        Ok(NamedStore { model: model.to_owned(), id, created_at: row.created_at })
    }
}

/// What a chat calls those of the stores in `rows`, all of one tenant, that have not expired.
fn named(rows: &[StoreRow], now: Timestamp) -> Vec<NamedStore> {
    let mut bearers: HashMap<&str, usize> = HashMap::new();
    for row in rows {
        *bearers.entry(&row.name).or_default() += 1;
    }
    let alive = rows.iter().filter(|row| is_alive(row, now));
    let stores = alive.map(|row| {
        let alone = bearers.get(row.name.as_str()) == Some(&1);
        let name = if alone && is_sayable(&row.name) { &row.name } else { &row.id };
        NamedStore {
            model: format!("{PREFIX}{name}"),
            id: Id::from_raw(row.id.as_str()),
            created_at: row.created_at,
        }
    });
    stores.collect()
}

fn is_alive(row: &StoreRow, now: Timestamp) -> bool {
    row.expires_at().is_none_or(|at| at > now)
}

/// Whether a store's name can be said in a request and is not taken for an id.
fn is_sayable(name: &str) -> bool {
    let plain = name.trim() == name && !name.chars().any(char::is_control);
    !name.is_empty() && plain && !name.starts_with(ID)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, name: &str) -> StoreRow {
        StoreRow {
            id: id.to_owned(),
            name: name.to_owned(),
            description: None,
            metadata: "{}".to_owned(),
            embedding_model: "m".to_owned(),
            expires_after_days: None,
            created_at: 5,
            last_active_at: 5,
        }
    }

    #[test]
    fn a_store_is_called_by_its_name_where_that_tells_it_from_others() {
        let rows = [
            row("vs_1", "handbook"),
            row("vs_2", "notes"),
            row("vs_3", "notes"),
            row("vs_4", ""),
            row("vs_5", "vs_1"),
            row("vs_6", " a"),
            row("vs_7", "Q3/2024 plans"),
        ];
        let names: Vec<String> = named(&rows, 9).into_iter().map(|store| store.model).collect();
        assert_eq!(
            names,
            [
                "store/handbook",
                "store/vs_2",
                "store/vs_3",
                "store/vs_4",
                "store/vs_5",
                "store/vs_6",
                "store/Q3/2024 plans"
            ]
        );
    }

    #[test]
    fn an_expired_store_is_not_listed() {
        let expired = StoreRow { expires_after_days: Some(1), ..row("vs_1", "handbook") };
        let names = |now| named(std::slice::from_ref(&expired), now).len();
        assert_eq!((names(9), names(90_000_000)), (1, 0));
    }

    #[test]
    fn no_model_of_the_program_is_called_like_a_store() {
        let assets = cairn_serving::models::assets().expect("the lock file");
        assert!(assets.iter().all(|asset| !names_store(&asset.name)));
    }
}
