//! How a new generation compares with the one it takes the place of: counts, and how much of
//! what the old one finds the new one finds too. It is told, and nothing depends on it.

use std::collections::{HashMap, HashSet};

use cairn_kernel::{Id, Result, Scope};
use cairn_search::Query;
use cairn_serving::embed::Priority;
use cairn_store::Records;
use cairn_store::records::{GenerationRow, PointPlace};
use serde_json::{Value, json};

use crate::embedding::{EmbeddingModel, Encoders};
use crate::models::InputType;
use crate::projection::Projection;

/// Searches made in both.
const SEARCHES: usize = 20;
/// Hits compared.
const DEPTH: usize = 10;
/// Characters of a search that is made of a sentence of the store.
const QUERY_CHARS: usize = 200;

pub(super) struct Comparison<'a> {
    pub(super) records: &'a Records,
    pub(super) encoders: &'a Encoders,
    pub(super) projection: &'a Projection,
}

impl Comparison<'_> {
    /// The report.
    ///
    /// # Errors
    /// `Internal` when the records refuse. A search that fails is left out.
    pub(super) async fn of(
        &self,
        scope: &Scope,
        store: &Id,
        old: &GenerationRow,
        new: &GenerationRow,
    ) -> Result<Value> {
        let before = self.records.points_of_index(&old.index_name).await?;
        let after = self.records.points_of_index(&new.index_name).await?;
        let files = self.records.build_progress(scope, store, new.generation).await?.files_done;
        let sampled = sample(&before, SEARCHES);
        let places = self.records.places_of_points(scope, store, &sampled).await?;
        let queries: Vec<String> = places.iter().filter_map(|place| query(&place.text)).collect();
        let recall = match self.recall(scope, store, (old, new), &queries).await {
            Ok(recall) => recall,
            Err(error) => {
                tracing::warn!(%store, error = %error.detail(), "generations are not compared");
                None
            }
        };
        let mut report = json!({
            "files": files,
            "chunks_before": before.len(),
            "chunks_after": after.len(),
            "searches": queries.len(),
            "recall_at_10": recall,
        });
        if new.reparse != 0 {
            let counts = self.records.reread_counts(scope, store, new.generation).await?;
            report["texts_changed"] = counts.changed.into();
            report["files_unread"] = counts.unread.into();
        }
        Ok(report)
    }

    /// Of the passages that the old generation finds first, the share that the new one finds
    /// first too, in whole or in part; `None` when nothing was found.
    #[expect(clippy::cast_precision_loss, reason = "a share of some hundred hits")]
    async fn recall(
        &self,
        scope: &Scope,
        store: &Id,
        (old, new): (&GenerationRow, &GenerationRow),
        queries: &[String],
    ) -> Result<Option<f64>> {
        let before = self.found(scope, store, old, queries).await?;
        let after = self.found(scope, store, new, queries).await?;
        let (mut all, mut again) = (0_usize, 0_usize);
        for (before, after) in before.iter().zip(&after) {
            all += before.len();
            again += before.iter().filter(|place| after.iter().any(|b| meet(place, b))).count();
        }
        Ok((all > 0).then(|| again as f64 / all as f64))
    }

    /// The first hits of each query.
    async fn found(
        &self,
        scope: &Scope,
        store: &Id,
        generation: &GenerationRow,
        queries: &[String],
    ) -> Result<Vec<Vec<PointPlace>>> {
        let model = EmbeddingModel::of(generation);
        let how = (InputType::Query, Priority::Bulk);
        let vectors = self.encoders.embed(scope, &model, queries.to_vec(), how).await?;
        let mut found = Vec::with_capacity(queries.len());
        for (text, vector) in queries.iter().zip(vectors) {
            let (dense, text) = (Some(vector), Some(text.clone()));
            let query = Query { dense, text, limit: DEPTH, ..Query::default() };
            let hits = self.projection.index().query(&generation.index_name, query).await?;
            let points: Vec<i64> =
                hits.iter().filter_map(|hit| i64::try_from(hit.id).ok()).collect();
            let mut places: HashMap<i64, PointPlace> = self
                .records
                .places_of_points(scope, store, &points)
                .await?
                .into_iter()
                .map(|place| (place.seq, place))
                .collect();
            found.push(points.iter().filter_map(|point| places.remove(point)).collect());
        }
        Ok(found)
    }
}

/// Whether two chunks share words of their document.
fn meet(a: &PointPlace, b: &PointPlace) -> bool {
    a.file_id == b.file_id && a.char_start < b.char_end && b.char_start < a.char_end
}

/// Up to `count` of the points, evenly.
fn sample(points: &[i64], count: usize) -> Vec<i64> {
    let at = |n: usize| points.get(n * points.len() / count.max(1)).copied();
    let picked: HashSet<i64> = (0..count).filter_map(at).collect();
    picked.into_iter().collect()
}

/// The first sentence of a text, as a search.
fn query(text: &str) -> Option<String> {
    let first = cairn_documents::sentences(text).into_iter().next()?;
    let words: String = text.get(first)?.trim().chars().take(QUERY_CHARS).collect();
    (!words.is_empty()).then_some(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(file: &str, char_start: i64, char_end: i64) -> PointPlace {
        let (file_id, text) = (file.to_owned(), String::new());
        PointPlace { seq: 1, file_id, char_start, char_end, text }
    }

    #[test]
    fn chunks_meet_where_they_share_characters_of_a_file() {
        assert!(meet(&place("a", 0, 10), &place("a", 9, 20)));
        assert!(!meet(&place("a", 0, 10), &place("a", 10, 20)));
        assert!(!meet(&place("a", 0, 10), &place("b", 0, 10)));
    }

    #[test]
    fn a_sample_is_even_and_no_larger_than_what_there_is() {
        let points: Vec<i64> = (0..100).collect();
        let mut picked = sample(&points, 4);
        picked.sort_unstable();
        assert_eq!(picked, [0, 25, 50, 75]);
        assert_eq!(sample(&[7], 20), [7]);
        assert!(sample(&[], 20).is_empty());
    }

    #[test]
    fn a_search_is_a_first_sentence() {
        assert_eq!(query(" One two. Three.").as_deref(), Some("One two."));
        assert_eq!(query("  "), None);
    }
}
