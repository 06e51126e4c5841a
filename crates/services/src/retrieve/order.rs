//! What is done with the hits of all stores: read again by a reranker, and chosen so that
//! they differ.

use std::collections::HashMap;
use std::sync::Arc;

use cairn_kernel::{Error, Kind, Result, ResultExt};
use cairn_search::{Hit, Ranking, Side, diversify, late_range, rescore_within, standings};
use cairn_serving::embed::Embedder;
use cairn_serving::rerank::{LATE_INTERACTION, Reranker};
use cairn_store::records::ChunkRow;
use serde::{Deserialize, Serialize};

use super::explain::Explain;
use super::{Passage, Retrieve, generation, passage};
use crate::cutting::embedded_text;

/// How many of the best passages a reranker reads for each wording, of all stores together.
pub(super) const RERANK_DEPTH: usize = 50;
/// The share of a reranker that a request asks for where the store's ranking gives it none.
pub(super) const ASKED_SHARE: f32 = 0.4;

/// Which reranker reads the best passages again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ranker {
    /// The program's own, where the ranking gives it a share.
    #[default]
    Auto,
    /// None, whatever the ranking says.
    None,
    /// Late interaction over the embedding model's token vectors.
    LateInteraction,
    /// The cross-encoder that the operator gives.
    CrossEncoder,
}

impl Ranker {
    /// Whether the request names a reranker, and must have it.
    pub(super) fn is_named(self) -> bool {
        matches!(self, Self::LateInteraction | Self::CrossEncoder)
    }
}

/// The rerankers there are. Clones share the models.
#[derive(Clone, Debug)]
pub(super) struct Rerankers {
    late: Reranker,
    cross: Option<Reranker>,
}

impl Rerankers {
    pub(super) fn new(embedder: Arc<Embedder>) -> Self {
        Self { late: Reranker::late_interaction(embedder), cross: None }
    }

    pub(super) fn set_cross(&mut self, cross: Option<Reranker>) {
        self.cross = cross;
    }

    /// The one that is asked for; by default the cross-encoder where there is one.
    ///
    /// # Errors
    /// `Invalid` for a cross-encoder where there is none.
    pub(super) fn pick(&self, ranker: Ranker) -> Result<&Reranker> {
        match ranker {
            Ranker::Auto | Ranker::None => Ok(self.cross.as_ref().unwrap_or(&self.late)),
            Ranker::LateInteraction => Ok(&self.late),
            Ranker::CrossEncoder => self.cross.as_ref().ok_or_else(|| {
                Error::invalid(
                    "there is no cross-encoder here; use 'late-interaction', or have the operator \
                     set rerank_model",
                )
                .with_param("ranking_options.ranker")
            }),
        }
    }
}

impl Retrieve {
    /// The reranker that reads where `ranker` is asked for.
    ///
    /// # Errors
    /// `Invalid` for a cross-encoder where there is none.
    pub(crate) fn reranker(&self, ranker: Ranker) -> Result<&Reranker> {
        self.rerankers.pick(ranker)
    }
}

/// The living hits of one wording in one store, best first, with their rows.
pub(super) struct List {
    ranking: Ranking,
    hits: Vec<Hit>,
    rows: HashMap<u64, ChunkRow>,
    /// What its scores were multiplied with, so that they can be compared with other lists'.
    standing: Option<f32>,
    /// The scores from before a reranker had its share.
    first_stage: HashMap<u64, f32>,
    /// Chunks that its hits are the best of.
    chunks: u64,
    /// The probability that a cross-encoder gives the best of what it read here.
    relevance: Option<f32>,
}

impl List {
    /// The `hits` among so many `chunks`.
    pub(super) fn new(
        ranking: Ranking,
        (hits, chunks): (Vec<Hit>, u64),
        rows: HashMap<u64, ChunkRow>,
    ) -> Self {
        let first_stage = hits.iter().map(|hit| (hit.id, hit.score)).collect();
        Self { ranking, hits, rows, standing: None, first_stage, chunks, relevance: None }
    }

    /// The first `depth` hits with their rows.
    pub(super) fn best(&self, depth: usize) -> impl Iterator<Item = (&Hit, &ChunkRow)> {
        let hits = self.hits.iter().take(depth);
        hits.filter_map(|hit| Some((hit, self.rows.get(&hit.id)?)))
    }

    /// How many chunks its hits are the best of.
    pub(super) fn chunks(&self) -> u64 {
        self.chunks
    }

    /// What `strength` becomes by what a cross-encoder made of its hits: it has the share that it
    /// has in their scores.
    pub(super) fn judged(&self, strength: f32) -> f32 {
        let share = self.ranking.late;
        self.relevance.map_or(strength, |best| (1.0 - share) * strength + share * best)
    }

    /// Brings the scores down to how its best hit stands beside other lists'.
    fn lower(&mut self, standing: f32) {
        self.standing = Some(standing);
        for hit in &mut self.hits {
            hit.score *= standing;
            self.first_stage.insert(hit.id, hit.score);
        }
    }

    /// How many different passages it has.
    pub(super) fn distinct(&self) -> usize {
        generation::distinct(self.rows.values())
    }

    /// The passages, found with the wording of that number.
    pub(super) fn into_passages(self, query: usize) -> impl Iterator<Item = Result<Passage>> {
        let Self { ranking, hits, mut rows, standing, first_stage, .. } = self;
        hits.into_iter().filter_map(move |hit| {
            let row = rows.remove(&hit.id)?;
            let first_stage = first_stage.get(&hit.id).copied().unwrap_or(hit.score);
            let explain = Explain::of(&hit, query, ranking, (standing, first_stage));
            Some(passage(row, &hit, explain))
        })
    }
}

/// Makes the scores of several stores' lists comparable. `spaces` says for each by which model its
/// cosines are.
pub(super) fn compare(lists: &mut [List], spaces: &[usize]) {
    if lists.len() < 2 {
        return;
    }
    let side = |(list, space): (_, &usize)| {
        let List { hits, ranking, .. }: &List = list;
        Side { hits, fusion: ranking.fusion(), space: *space }
    };
    let standings = standings(&lists.iter().zip(spaces).map(side).collect::<Vec<_>>());
    for (list, standing) in lists.iter_mut().zip(standings) {
        list.lower(standing);
    }
}

/// Lets `reranker` read the best hits of all lists that give it a share. Where nobody named
/// it, a query that it cannot read is left as it is.
pub(super) async fn rerank(
    query: &str,
    reranker: &Reranker,
    lists: &mut [List],
    named: bool,
) -> Result<()> {
    let mut best: Vec<(f32, u64)> = Vec::new();
    let mut rows: HashMap<u64, ChunkRow> = HashMap::new();
    for list in lists.iter().filter(|list| list.ranking.late > 0.0) {
        best.extend(list.hits.iter().take(RERANK_DEPTH).map(|hit| (hit.score, hit.id)));
    }
    best.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    best.truncate(RERANK_DEPTH);
    for (_, id) in &best {
        let row = lists.iter().find_map(|list| list.rows.get(id));
        rows.extend(row.map(|row| (*id, row.clone())));
    }
    let ids: Vec<u64> = best.iter().map(|(_, id)| *id).collect();
    let scores = match read(query, reranker, &ids, &rows).await {
        Err(unread) if !named && unread.kind() == Kind::Invalid => {
            tracing::debug!(reason = %unread, "not reranked");
            return Ok(());
        }
        scores => scores?,
    };
    let Some(range) = late_range(lists.iter().flat_map(|list| &list.hits), &scores) else {
        return Ok(());
    };
    // What late interaction gives is no probability.
    let is_probability = reranker.name() != LATE_INTERACTION;
    for list in lists {
        rescore_within(&mut list.hits, &scores, list.ranking.late, range);
        if is_probability {
            list.relevance = late_range(&list.hits, &scores).map(|(_, best)| best);
        }
    }
    Ok(())
}

/// What is embedded and indexed of a chunk: its text below its label and its context or heading.
///
/// # Errors
/// `Internal` for headings that cannot be read.
pub(super) fn indexed_text(row: &ChunkRow) -> Result<String> {
    let headings: Vec<String> =
        serde_json::from_str(&row.heading).or_internal("reading headings")?;
    Ok(embedded_text((&row.label, &headings), &row.context, &row.text))
}

/// How well the chunks of these points answer `query`, each read with the label and the heading
/// that it was embedded with.
///
/// # Errors
/// `Invalid` for a query that the reranker cannot read.
pub(super) async fn read(
    query: &str,
    reranker: &Reranker,
    points: &[u64],
    rows: &HashMap<u64, ChunkRow>,
) -> Result<HashMap<u64, f32>> {
    let (mut ids, mut texts) = (Vec::new(), Vec::new());
    for (id, row) in points.iter().filter_map(|id| Some((*id, rows.get(id)?))) {
        texts.push(indexed_text(row)?);
        ids.push(id);
    }
    if ids.is_empty() || query.trim().is_empty() {
        return Ok(HashMap::new());
    }
    let scores = reranker.score(query, texts).await?;
    Ok(ids.into_iter().zip(scores.relevance).collect())
}

/// The `limit` passages that are good and unlike each other, in the order of choice.
pub(super) fn differing(
    passages: Vec<Passage>,
    vectors: HashMap<i64, Vec<f32>>,
    diversity: f32,
    limit: usize,
) -> Vec<Passage> {
    let vectors: HashMap<u64, Vec<f32>> =
        vectors.into_iter().map(|(seq, vector)| (seq.unsigned_abs(), vector)).collect();
    let hits = passages.iter().map(|passage| Hit {
        id: passage.chunk.seq.unsigned_abs(),
        score: passage.score,
        dense: passage.dense,
        bm25: passage.bm25,
        explain: cairn_search::Explain::default(),
    });
    let chosen = diversify(hits.collect(), &vectors, 1.0 - diversity, limit);
    let mut held: HashMap<u64, Passage> =
        passages.into_iter().map(|passage| (passage.chunk.seq.unsigned_abs(), passage)).collect();
    chosen.iter().filter_map(|hit| held.remove(&hit.id)).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// The chunk of that number, characters `range` of a document.
    pub(crate) fn chunk(seq: i64, range: std::ops::Range<i64>) -> ChunkRow {
        ChunkRow {
            seq,
            id: format!("chunk_{seq}"),
            file_id: "file-1".to_owned(),
            filename: "a.md".to_owned(),
            attributes: "{}".to_owned(),
            revision: 1,
            ordinal: seq,
            text: "words".to_owned(),
            heading: "[]".to_owned(),
            page: None,
            char_start: range.start,
            char_end: range.end,
            tokens: 1,
            context: String::new(),
            label: String::new(),
            match_start: None,
            match_end: None,
            text_version: 0,
        }
    }

    fn hit(id: u64, score: f32) -> Hit {
        let explain = cairn_search::Explain { fused: score, ..cairn_search::Explain::default() };
        Hit { id, score, dense: Some(score), bm25: None, explain }
    }

    fn list(ranking: Ranking, scores: &[(u64, f32)]) -> List {
        let hits: Vec<Hit> = scores.iter().map(|(id, score)| hit(*id, *score)).collect();
        let row = |(id, _): &(u64, f32)| (*id, chunk(id.cast_signed(), 0..5));
        List::new(ranking, (hits, 100), scores.iter().map(row).collect())
    }

    #[test]
    fn a_cross_encoder_has_its_share_in_the_strength() {
        let mut list = list(Ranking { late: 0.4, ..Ranking::default() }, &[(1, 1.0)]);
        assert_eq!(list.judged(0.2), 0.2, "nothing was read");
        list.relevance = Some(0.9);
        assert!((list.judged(0.2) - 0.48).abs() < 1e-6);
        assert_eq!(list.best(5).map(|(hit, row)| (hit.id, row.seq)).collect::<Vec<_>>(), [(1, 1)]);
        assert_eq!(list.best(0).count(), 0);
    }

    #[test]
    fn a_score_is_made_of_what_is_explained() -> Result<()> {
        let ranking = Ranking { late: 0.4, ..Ranking::default() };
        let mut list = list(ranking, &[(1, 0.9), (2, 0.5), (3, 0.1)]);
        let scores: HashMap<u64, f32> = [(1, 0.2), (2, 0.7)].into();
        cairn_search::rescore(&mut list.hits, &scores, ranking.late);
        let found: Vec<Passage> = list.into_passages(1).collect::<Result<_>>()?;
        assert_eq!(found.iter().map(|passage| passage.chunk.seq).collect::<Vec<_>>(), [2, 1, 3]);
        for passage in &found[..2] {
            let Explain { query, ranking, first_stage, late, .. } = passage.explain;
            let late = late.ok_or_else(|| Error::internal("not reranked"))?;
            let expected = (1.0 - ranking.late) * first_stage + ranking.late * late;
            assert!((passage.score - expected).abs() < 1e-6, "{passage:?}");
            assert_eq!((query, first_stage), (1, passage.explain.fused));
        }
        assert_eq!((found[2].explain.late, found[2].explain.first_stage), (None, 0.1));
        Ok(())
    }

    #[test]
    fn lists_of_several_stores_are_brought_to_one_scale() -> Result<()> {
        let weak = |(id, score): &(u64, f32)| {
            let explain = cairn_search::Explain { fused: *score, ..Default::default() };
            Hit { id: *id, score: *score, dense: Some(0.2 * score), bm25: None, explain }
        };
        let mut lists = [
            list(Ranking::default(), &[(1, 1.0), (2, 0.5)]),
            list(Ranking::default(), &[(3, 1.0), (4, 0.9)]),
        ];
        lists[1].hits = [(3, 1.0), (4, 0.9)].iter().map(weak).collect();
        compare(&mut lists, &[0, 0]);
        let [good, poor] = lists;
        let scores = |list: List| -> Result<Vec<(f32, f32, Option<f32>)>> {
            let found: Vec<Passage> = list.into_passages(0).collect::<Result<_>>()?;
            let told = |p: &Passage| (p.score, p.explain.first_stage, p.explain.standing);
            Ok(found.iter().map(told).collect())
        };
        assert_eq!(scores(good)?, [(1.0, 1.0, Some(1.0)), (0.5, 0.5, Some(1.0))]);
        let poor = scores(poor)?;
        assert!((poor[0].0 - 0.2).abs() < 1e-6 && (poor[1].0 - 0.18).abs() < 1e-6, "{poor:?}");
        assert!(poor.iter().all(|(score, first, _)| score == first));
        let mut alone = [list(Ranking::default(), &[(1, 1.0)])];
        compare(&mut alone, &[0]);
        assert_eq!(alone[0].standing, None);
        Ok(())
    }

    #[test]
    fn copies_give_way_and_without_vectors_the_order_stays() -> Result<()> {
        let ranked = list(Ranking::default(), &[(1, 0.9), (2, 0.89), (3, 0.5)]);
        let found: Vec<Passage> = ranked.into_passages(0).collect::<Result<_>>()?;
        let vectors: HashMap<i64, Vec<f32>> =
            [(1, vec![1.0, 0.0]), (2, vec![1.0, 0.0]), (3, vec![0.0, 1.0])].into();
        let seqs = |chosen: Vec<Passage>| -> Vec<i64> {
            chosen.into_iter().map(|passage| passage.chunk.seq).collect()
        };
        assert_eq!(seqs(differing(found.clone(), vectors, 0.5, 2)), [1, 3]);
        assert_eq!(seqs(differing(found, HashMap::new(), 0.5, 3)), [1, 2, 3]);
        Ok(())
    }
}
