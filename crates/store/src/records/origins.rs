//! What answers rest on: files, and the vector stores that they were found through.
//!
//! A file may be found through several stores. What was quoted of it goes with the file, and
//! with the last of those stores that still has it.

use cairn_kernel::{Error, Id, Kind, Result, ResultExt, Scope};
use sqlx::QueryBuilder;
use sqlx::sqlite::SqliteConnection;

use super::{Records, Tx};

/// The code of the error that says that something was deleted while it was quoted.
pub const SOURCE_DELETED: &str = "source_deleted";

/// A file that an answer rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The file.
    pub file: String,
    /// The vector stores that were asked for it; none for a file that a client itself named.
    pub stores: Vec<String>,
}

impl Origin {
    /// A file that was found through no store.
    pub fn of(file: impl Into<String>) -> Self {
        Self { file: file.into(), stores: Vec::new() }
    }

    /// Adds `more` to `origins`: each file, and each store of a file, once.
    pub fn add(origins: &mut Vec<Self>, more: Self) {
        let Some(held) = origins.iter_mut().find(|held| held.file == more.file) else {
            origins.push(more);
            return;
        };
        for store in more.stores {
            if !held.stores.contains(&store) {
                held.stores.push(store);
            }
        }
    }

    /// Of rows of files, each with a store or an empty text.
    pub(super) fn gather(rows: Vec<(String, String)>) -> Vec<Self> {
        let mut origins = Vec::new();
        for (file, store) in rows {
            let stores = if store.is_empty() { Vec::new() } else { vec![store] };
            Self::add(&mut origins, Self { file, stores });
        }
        origins
    }
}

impl Records {
    /// Fails when something that is quoted is gone.
    ///
    /// # Errors
    /// `Conflict` for a file that was deleted, and for one whose store was, when none of its
    /// other stores has it.
    pub async fn require_origins(&self, scope: &Scope, origins: &[Origin]) -> Result<()> {
        if origins.is_empty() {
            return Ok(());
        }
        let mut reader = self.read.acquire().await.or_internal("looking up what is quoted")?;
        for origin in origins {
            require(&mut reader, scope, origin).await?;
        }
        Ok(())
    }

    /// A number that changes with every delete of a file or a vector store, or `None` while
    /// one is under way.
    pub fn deletes(&self) -> Option<u64> {
        self.revision.deletes.settled()
    }

    /// The files that answers found through a store, to be scrubbed within a transaction.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn files_found_through(&self, tx: &mut Tx, store: &Id) -> Result<Vec<String>> {
        sqlx::query_scalar(
            "SELECT file_id FROM response_stores WHERE store_id = $1 \
             UNION SELECT file_id FROM item_stores WHERE store_id = $1 ORDER BY 1",
        )
        .bind(store.as_str())
        .fetch_all(&mut **tx)
        .await
        .or_internal("looking up what was found through a store")
    }

    /// Forgets within a transaction that a store, which is gone, was asked.
    ///
    /// # Errors
    /// `Internal` when the database refuses.
    pub async fn forget_asked(&self, tx: &mut Tx, store: &Id) -> Result<()> {
        for statement in [
            "DELETE FROM response_stores WHERE store_id = $1",
            "DELETE FROM item_stores WHERE store_id = $1",
        ] {
            sqlx::query(statement)
                .bind(store.as_str())
                .execute(&mut **tx)
                .await
                .or_internal("forgetting what was found through a store")?;
        }
        Ok(())
    }
}

/// Fails when what is quoted is gone: a delete that comes later reaches the quotes, one that
/// came before did not. Returns the stores whose delete takes the quotes away.
pub(super) async fn require(
    reader: &mut SqliteConnection,
    scope: &Scope,
    origin: &Origin,
) -> Result<Vec<String>> {
    let there: i64 =
        sqlx::query_scalar("SELECT COUNT(*) FROM files WHERE tenant_id = $1 AND id = $2")
            .bind(scope.tenant().as_str())
            .bind(&origin.file)
            .fetch_one(&mut *reader)
            .await
            .or_internal("looking up a quoted file")?;
    if there == 0 {
        return Err(deleted(&format!("file '{}'", origin.file)));
    }
    let living = living(reader, scope, origin).await?;
    let has_it = living.iter().any(|(_, attached)| *attached != 0);
    let gone = |store: &&String| living.iter().all(|(id, _)| id != *store);
    if !has_it && let Some(store) = origin.stores.iter().find(gone) {
        return Err(deleted(&format!("vector store '{store}'")));
    }
    // One that was taken out of all of them meanwhile may have been found in any.
    let counts = |(store, attached): (String, i64)| (attached != 0 || !has_it).then_some(store);
    Ok(living.into_iter().filter_map(counts).collect())
}

/// Those of the origin's stores that are there, each with 1 when it has the file.
async fn living(
    reader: &mut SqliteConnection,
    scope: &Scope,
    origin: &Origin,
) -> Result<Vec<(String, i64)>> {
    if origin.stores.is_empty() {
        return Ok(Vec::new());
    }
    let mut query = QueryBuilder::<sqlx::Sqlite>::new(
        "SELECT v.id, CASE WHEN sf.file_id IS NULL THEN 0 ELSE 1 END FROM vector_stores v \
         LEFT JOIN store_files sf ON sf.store_id = v.id AND sf.file_id = ",
    );
    query.push_bind(origin.file.clone()).push(" WHERE v.tenant_id = ");
    query.push_bind(scope.tenant().as_str().to_owned()).push(" AND v.id IN (");
    let mut list = query.separated(", ");
    for store in &origin.stores {
        list.push_bind(store.clone());
    }
    query.push(") ORDER BY v.id");
    query.build_query_as().fetch_all(reader).await.or_internal("looking up quoted stores")
}

fn deleted(what: &str) -> Error {
    Error::new(Kind::Conflict, format!("{what} was deleted while it was quoted; ask again"))
        .with_code(SOURCE_DELETED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_named_once_with_all_its_stores() {
        let row = |file: &str, store: &str| (file.to_owned(), store.to_owned());
        let rows = vec![row("file-1", "vs_1"), row("file-2", ""), row("file-1", "vs_2")];
        let mut origins = Origin::gather(rows);
        Origin::add(&mut origins, Origin { file: "file-1".into(), stores: vec!["vs_1".into()] });
        let both = Origin { file: "file-1".into(), stores: vec!["vs_1".into(), "vs_2".into()] };
        assert_eq!(origins, [both, Origin::of("file-2")]);
    }
}
