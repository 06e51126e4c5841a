//! Which generation of each store's index answers a search, and with which vectors.

use std::collections::HashSet;
use std::sync::Arc;

use cairn_kernel::{Error, Id, Kind, Result, Scope};
use cairn_store::records::{ActiveRow, ChunkRow};
use futures::future::try_join_all;

use super::{Passage, Request, Retrieve};
use crate::embedding::{EmbeddingModel, QueryVectors};

/// Where a store is asked.
pub(super) struct Place {
    generation: i64,
    /// The index.
    pub(super) index: String,
    /// The model of its vectors.
    pub(super) model: EmbeddingModel,
    vectors: Arc<Vec<Vec<f32>>>,
}

impl Place {
    /// The vector of the wording of that number, by the store's own model.
    pub(super) fn vector(&self, number: usize) -> &[f32] {
        self.vectors.get(number).map_or(&[], Vec::as_slice)
    }

    /// The stores in these generations, asked with vectors by the models of those.
    ///
    /// # Errors
    /// `Unavailable` when an embedding model cannot be used now.
    pub(super) async fn all(
        active: Vec<ActiveRow>,
        vectors: &mut QueryVectors<'_>,
    ) -> Result<Vec<Self>> {
        let mut places = Vec::with_capacity(active.len());
        for active in active {
            let model = EmbeddingModel::of_active(&active);
            let vectors = vectors.of(model.clone()).await?;
            let (generation, index) = (active.generation, active.index_name);
            places.push(Self { generation, index, model, vectors });
        }
        Ok(places)
    }
}

/// For each place the number of the first one whose vectors are by the same model.
pub(super) fn spaces(places: &[Place]) -> Vec<usize> {
    let first = |place: &Place| {
        places.iter().position(|other| Arc::ptr_eq(&other.vectors, &place.vectors)).unwrap_or(0)
    };
    places.iter().map(first).collect()
}

/// What a search reads beside what answers: nothing, but in an evaluation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Beside<'a> {
    /// Whether the generation that is being built is read.
    pub(super) in_build: bool,
    /// A file that is looked over.
    pub(super) without: Option<&'a str>,
}

impl<'a> Beside<'a> {
    pub(super) fn of(request: &'a Request) -> Self {
        Self { in_build: request.generation.is_some(), without: request.without.as_deref() }
    }
}

impl Retrieve {
    /// A generation of a store that is being built, to be asked.
    ///
    /// # Errors
    /// `Unprocessable` when it is no longer being built.
    pub(super) async fn in_build(
        &self,
        scope: &Scope,
        store: &Id,
        generation: i64,
    ) -> Result<ActiveRow> {
        let found = self.records.find_generation(scope, store, generation).await?;
        let row = found.filter(cairn_store::records::GenerationRow::is_building).ok_or_else(|| {
            Error::new(
                Kind::Unprocessable,
                format!(
                    "generation {generation} of vector store '{store}' is no longer being built; \
                     its re-index was cancelled or has ended"
                ),
            )
        })?;
        Ok(ActiveRow {
            generation,
            index_name: row.index_name,
            vector_model: row.embedding_model,
            vector_version: row.embedding_version,
        })
    }

    /// The generations that the stores are asked in now.
    ///
    /// # Errors
    /// `NotFound` for a store that is gone.
    pub(super) async fn active(&self, scope: &Scope, stores: &[Id]) -> Result<Vec<ActiveRow>> {
        let active =
            |store| async move { Ok(self.records.asked_store(scope, store).await?.active) };
        try_join_all(stores.iter().map(active)).await
    }
}

/// Whether the stores are still to be asked there. Rows of a generation are found only as long as
/// it is active, and go only after that, so what was found until then is whole.
pub(super) fn stand(places: &[Place], active: &[ActiveRow]) -> bool {
    places.iter().zip(active).all(|(place, active)| place.generation == active.generation)
}

/// What tells passages apart: the large chunk they show, or else the chunk itself.
fn shown(row: &ChunkRow) -> (&str, i64, i64) {
    match row.match_start {
        Some(_) => (row.file_id.as_str(), row.char_start, row.char_end),
        None => ("", row.seq, 0),
    }
}

/// How many different passages the rows show.
pub(super) fn distinct<'a>(rows: impl Iterator<Item = &'a ChunkRow>) -> usize {
    rows.map(shown).collect::<HashSet<_>>().len()
}

/// The passages without those that show the same large chunk as one before them.
pub(super) fn once(found: Vec<Passage>) -> Vec<Passage> {
    let mut seen = HashSet::new();
    let mut kept = Vec::new();
    for passage in found {
        let (file, start, end) = shown(&passage.chunk);
        if seen.insert((file.to_owned(), start, end)) {
            kept.push(passage);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use cairn_search::Hit;

    use super::super::order::tests::chunk;
    use super::super::{Explain, passage};
    use super::*;

    fn found(seq: i64, small: Option<i64>) -> Result<Passage> {
        let chunk = ChunkRow {
            match_start: small,
            match_end: small.map(|start| start + 1),
            ..chunk(seq, 0..4)
        };
        let explain = cairn_search::Explain::default();
        let hit = Hit { id: seq.unsigned_abs(), score: 0.5, dense: None, bm25: None, explain };
        passage(chunk, &hit, Explain::default())
    }

    #[test]
    fn a_large_chunk_is_shown_once_by_its_best_small_one() -> Result<()> {
        let all = vec![found(3, Some(2))?, found(1, Some(0))?, found(7, None)?];
        assert_eq!(distinct(all.iter().map(|passage| &passage.chunk)), 2);
        let kept: Vec<i64> = once(all).iter().map(|passage| passage.chunk.seq).collect();
        assert_eq!(kept, [3, 7]);
        Ok(())
    }
}
