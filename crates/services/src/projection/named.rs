//! An index whose filters may name a file by what it is called.
//!
//! A point says of which file it is, and not what that file is called: the records know it.
//! Comparisons with [`FILENAME`] become comparisons with the ids of the files so called,
//! before the index is asked. So every index there is answers them, whenever it was made.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use cairn_kernel::Result;
use cairn_search::{
    Analysis, Bound, Candidate, FILE_ID, Filter, Found, Frequencies, Index, Language, Operand,
    Point, Query, Ranking, Told,
};
use cairn_store::Records;
use serde_json::{Map, Value};

use super::FILENAME;

/// `index`, with the names of files out of `records`.
pub(super) struct Named {
    index: Arc<dyn Index>,
    records: Records,
}

impl Named {
    pub(super) fn new(records: Records, index: Arc<dyn Index>) -> Self {
        Self { index, records }
    }

    /// `filter` without names, for the index of this name.
    async fn by_id(&self, index: &str, filter: Option<Filter>) -> Result<Option<Filter>> {
        let Some(filter) = filter else { return Ok(None) };
        let names = match wanted(&filter) {
            Wanted::Nothing => return Ok(Some(filter)),
            Wanted::Files(names) => Some(names),
            Wanted::All => None,
        };
        let files = self.records.names_of_index(index, names.as_deref()).await?;
        Ok(Some(by_id(filter, &files)))
    }

    async fn query_by_id(&self, index: &str, mut query: Query) -> Result<Query> {
        query.filter = self.by_id(index, query.filter.take()).await?;
        Ok(query)
    }
}

/// Which files a filter has to know the names of.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// None: it names no file.
    Nothing,
    /// Those that have one of these names.
    Files(Vec<String>),
    /// All, for it orders their names.
    All,
}

fn wanted(filter: &Filter) -> Wanted {
    match filter {
        Filter::In(key, operands) | Filter::NotIn(key, operands) if key == FILENAME => {
            let text = |operand: &Operand| match operand {
                Operand::Text(text) => Some(text.clone()),
                Operand::Number(_) | Operand::Flag(_) => None,
            };
            Wanted::Files(operands.iter().filter_map(text).collect())
        }
        Filter::Range(key, _, Bound::Text(_)) if key == FILENAME => Wanted::All,
        Filter::And(filters) | Filter::Or(filters) => {
            filters.iter().map(wanted).fold(Wanted::Nothing, Wanted::and)
        }
        Filter::In(..) | Filter::NotIn(..) | Filter::Range(..) | Filter::Readable(_) => {
            Wanted::Nothing
        }
    }
}

impl Wanted {
    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::All, _) | (_, Self::All) => Self::All,
            (Self::Nothing, some) | (some, Self::Nothing) => some,
            (Self::Files(mut names), Self::Files(more)) => {
                names.extend(more);
                Self::Files(names)
            }
        }
    }
}

/// `filter` with ids in the place of names, among `files` with their names.
fn by_id(filter: Filter, files: &[(String, String)]) -> Filter {
    let each = |filters: Vec<Filter>| filters.into_iter().map(|one| by_id(one, files)).collect();
    match filter {
        Filter::And(filters) => Filter::And(each(filters)),
        Filter::Or(filters) => Filter::Or(each(filters)),
        Filter::NotIn(key, operands) if key == FILENAME => {
            Filter::NotIn(FILE_ID.to_owned(), passing(&Filter::In(key, operands), files))
        }
        Filter::In(ref key, _) | Filter::Range(ref key, _, Bound::Text(_)) if key == FILENAME => {
            Filter::In(FILE_ID.to_owned(), passing(&filter, files))
        }
        other => other,
    }
}

/// The ids of the files whose names pass `comparison`.
fn passing(comparison: &Filter, files: &[(String, String)]) -> Vec<Operand> {
    let passes = |name: &str| {
        comparison.matches(&Map::from_iter([(FILENAME.to_owned(), Value::from(name))]))
    };
    let found = files.iter().filter(|(_, name)| passes(name));
    found.map(|(id, _)| Operand::Text(id.clone())).collect()
}

#[async_trait]
impl Index for Named {
    async fn create(
        &self,
        store: &str,
        language: Language,
        dimensions: Option<usize>,
    ) -> Result<()> {
        self.index.create(store, language, dimensions).await
    }

    async fn language(&self, store: &str) -> Result<Option<Language>> {
        self.index.language(store).await
    }

    async fn analysis(&self, store: &str) -> Result<Option<Analysis>> {
        self.index.analysis(store).await
    }

    async fn guess(&self, store: &str) -> Result<Option<Language>> {
        self.index.guess(store).await
    }

    async fn analyse(&self, store: &str, told: Told, texts: HashMap<u64, String>) -> Result<bool> {
        self.index.analyse(store, told, texts).await
    }

    async fn upsert(&self, store: &str, points: Vec<Point>) -> Result<()> {
        self.index.upsert(store, points).await
    }

    async fn delete(&self, store: &str, ids: &[u64]) -> Result<()> {
        self.index.delete(store, ids).await
    }

    async fn delete_file(&self, store: &str, file: &str) -> Result<()> {
        self.index.delete_file(store, file).await
    }

    async fn search(&self, store: &str, query: Query, ranking: Ranking) -> Result<Found> {
        let query = self.query_by_id(store, query).await?;
        self.index.search(store, query, ranking).await
    }

    async fn candidates(&self, store: &str, query: Query) -> Result<Vec<Candidate>> {
        let query = self.query_by_id(store, query).await?;
        self.index.candidates(store, query).await
    }

    async fn frequencies(
        &self,
        store: &str,
        text: &str,
        filter: Option<Filter>,
        seen: HashSet<String>,
    ) -> Result<Frequencies> {
        let filter = self.by_id(store, filter).await?;
        self.index.frequencies(store, text, filter, seen).await
    }

    async fn drop_store(&self, store: &str) -> Result<()> {
        self.index.drop_store(store).await
    }

    async fn ids(&self, store: &str) -> Result<Vec<u64>> {
        self.index.ids(store).await
    }

    async fn count(&self, store: &str) -> Result<u64> {
        self.index.count(store).await
    }

    async fn flush(&self, store: &str) -> Result<()> {
        self.index.flush(store).await
    }

    async fn optimise(&self, store: &str) -> Result<()> {
        self.index.optimise(store).await
    }

    async fn rewrite(&self, store: &str) -> Result<()> {
        self.index.rewrite(store).await
    }

    async fn stores(&self) -> Result<Vec<String>> {
        self.index.stores().await
    }

    async fn close_all(&self) -> Result<()> {
        self.index.close_all().await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A comparison with the name of a file.
    fn name(kind: &str, value: &Value) -> Value {
        json!({"type": kind, "key": "cairn.filename", "value": value})
    }

    #[test]
    fn names_become_the_ids_of_the_files_that_have_them() -> Result<()> {
        let files = [("file-1", "a.pdf"), ("file-2", "b.pdf"), ("file-3", "a.pdf")]
            .map(|(id, name)| (id.to_owned(), name.to_owned()));
        let ids =
            |kind: &str, ids: &[&str]| json!({"type": kind, "key": "cairn.file_id", "value": ids});
        for (given, expected) in [
            (name("eq", &json!("a.pdf")), ids("in", &["file-1", "file-3"])),
            (name("ne", &json!("a.pdf")), ids("nin", &["file-1", "file-3"])),
            (name("in", &json!(["b.pdf", "c.pdf", 5])), ids("in", &["file-2"])),
            (name("eq", &json!("A.pdf")), ids("in", &[])),
            (name("nin", &json!([])), ids("nin", &[])),
            (name("gt", &json!("a.pdf")), ids("in", &["file-2"])),
        ] {
            let beside = json!({"type": "eq", "key": "year", "value": 5});
            let all = |filter: Value| json!({"type": "or", "filters": [filter, beside]});
            let found = by_id(Filter::parse(&all(given.clone()))?, &files);
            assert_eq!(found, Filter::parse(&all(expected))?, "{given}");
        }
        Ok(())
    }

    #[test]
    fn only_names_that_are_asked_for_are_looked_up() -> Result<()> {
        let both = |one: Value, other: Value| json!({"type": "and", "filters": [one, other]});
        let year = json!({"type": "gte", "key": "year", "value": "2020"});
        let of = |names: &[&str]| Wanted::Files(names.iter().map(|n| (*n).to_owned()).collect());
        for (filter, expected) in [
            (year.clone(), Wanted::Nothing),
            (both(year, name("eq", &json!("a"))), of(&["a"])),
            (both(name("ne", &json!("a")), name("in", &json!(["b", 5]))), of(&["a", "b"])),
            (both(name("lt", &json!("a")), name("eq", &json!("b"))), Wanted::All),
            (name("lt", &json!(5)), Wanted::Nothing),
        ] {
            assert_eq!(wanted(&Filter::parse(&filter)?), expected, "{filter}");
        }
        Ok(())
    }
}
