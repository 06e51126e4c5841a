//! A search in the generation of a store's index that answers now.

use std::collections::HashSet;

use cairn_kernel::{Id, Result, Scope};
use cairn_store::records::ChunkRow;

use super::{Passage, Request, Retrieve};
use crate::embedding::QueryVectors;

impl Retrieve {
    /// The passages of one store for all wordings, by the vectors of its own model. Where a
    /// re-index has made another generation the active one meanwhile, that one is asked.
    pub(super) async fn search_generation(
        &self,
        scope: &Scope,
        store: &Id,
        request: &Request,
        vectors: &mut QueryVectors<'_>,
    ) -> Result<Vec<Passage>> {
        loop {
            let generation = self.records.active_generation(scope, store).await?;
            let made = vectors.of(&generation).await?;
            let of = (store, generation.index_name.as_str());
            let mut found = Vec::new();
            for (query, vector) in request.queries.iter().zip(made.iter()) {
                found.extend(self.search_store(scope, of, request, query, vector).await?);
            }
            // Rows of a generation go only after another one is active.
            let now = self.records.active_generation(scope, store).await?;
            if now.generation == generation.generation {
                return Ok(found);
            }
        }
    }
}

/// What tells passages apart: the large chunk they show, or else the chunk itself.
fn shown(row: &ChunkRow) -> (&str, i64, i64) {
    match row.match_start {
        Some(_) => (row.file_id.as_str(), row.char_start, row.char_end),
        None => ("", row.seq, 0),
    }
}

/// How many different passages the rows show.
pub(super) fn distinct(rows: &[ChunkRow]) -> usize {
    rows.iter().map(shown).collect::<HashSet<_>>().len()
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
    use super::*;

    fn passage(seq: i64, found: Option<i64>) -> Passage {
        let chunk = ChunkRow {
            seq,
            id: format!("chunk_{seq}"),
            file_id: "file-1".to_owned(),
            filename: "a.md".to_owned(),
            attributes: "{}".to_owned(),
            revision: 1,
            ordinal: seq,
            text: "text".to_owned(),
            heading: "[]".to_owned(),
            page: None,
            char_start: 0,
            char_end: 4,
            tokens: 1,
            context: String::new(),
            match_start: found,
            match_end: found.map(|start| start + 1),
        };
        super::super::passage(chunk, 0.5, None, None).unwrap()
    }

    #[test]
    fn a_large_chunk_is_shown_once_by_its_best_small_one() {
        let found = vec![passage(3, Some(2)), passage(1, Some(0)), passage(7, None)];
        let rows: Vec<ChunkRow> = found.iter().map(|passage| passage.chunk.clone()).collect();
        assert_eq!(distinct(&rows), 2);
        let kept: Vec<i64> = once(found).iter().map(|passage| passage.chunk.seq).collect();
        assert_eq!(kept, [3, 7]);
    }
}
