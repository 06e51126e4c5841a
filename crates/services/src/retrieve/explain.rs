//! How a passage came to its score, and what a search took.

use std::time::Instant;

use cairn_search::{Hit, Ranking};

/// The steps from a passage's raw scores to its final one. Scores are 0 to 1, and but for
/// `strength` relative to what else the search found.
///
/// `first_stage` is `fused`, or what spreading made of it, times `standing`. With a reranker the passage's
/// score is `(1 − ranking.late) · first_stage + ranking.late · late`; a passage that the
/// reranker did not read stands below those that it read. An answer then takes the mean of
/// that and `coverage`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Explain {
    /// Which wording of the query it counts with, from 0.
    pub query: usize,
    /// The shares it was ranked by.
    pub ranking: Ranking,
    /// Its place by cosine among the candidates, from 1.
    pub dense_place: Option<u32>,
    /// Its place by BM25 among the candidates, from 1; none if no word matches.
    pub bm25_place: Option<u32>,
    /// The cosine on the scale of this query's candidates.
    pub dense: f32,
    /// The BM25 score on the scale of this query's candidates.
    pub bm25: f32,
    /// Both, weighed by `ranking.dense_weight`.
    pub fused: f32,
    /// The mean fused score of its neighbours, where it took a share of it.
    pub spread: Option<f32>,
    /// Where several stores were asked, how the best of this one stands beside all.
    pub standing: Option<f32>,
    /// The score before a reranker had its share.
    pub first_stage: f32,
    /// The reranker's score on the scale of the passages it read, where it read this one.
    pub late: Option<f32>,
    /// For an answer, the share of the content words of the question, or of that part of it that
    /// it says most of, which two neighbouring sentences of it have.
    pub coverage: Option<f32>,
    /// How strongly the best of what its search found bears on the query, whatever else there is:
    /// the same for all passages of a search.
    pub strength: f32,
}

impl Default for Explain {
    /// Of a passage that is as strong as its score says.
    fn default() -> Self {
        Self {
            query: 0,
            ranking: Ranking::default(),
            dense_place: None,
            bm25_place: None,
            dense: 0.0,
            bm25: 0.0,
            fused: 0.0,
            spread: None,
            standing: None,
            first_stage: 0.0,
            late: None,
            coverage: None,
            strength: 1.0,
        }
    }
}

impl Explain {
    /// Of a hit by the wording of that number, which had `first_stage` before it was reranked, in
    /// a list that stands so beside others.
    pub(super) fn of(
        hit: &Hit,
        query: usize,
        ranking: Ranking,
        (standing, first_stage): (Option<f32>, f32),
    ) -> Self {
        let steps = hit.explain;
        Self {
            query,
            ranking,
            dense_place: steps.dense_place,
            bm25_place: steps.bm25_place,
            dense: steps.dense,
            bm25: steps.bm25,
            fused: steps.fused,
            spread: steps.spread,
            standing,
            first_stage,
            late: steps.late,
            ..Self::default()
        }
    }
}

/// A hit within a wider passage.
#[derive(Clone, Debug, PartialEq)]
pub struct HitPlace {
    /// The chunk.
    pub chunk_id: String,
    /// Page it begins on, from 1.
    pub page: Option<i64>,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
    /// Its score, relative as that of its passage.
    pub score: f32,
}

/// How long the steps of a search took, in milliseconds, over all stores and wordings.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Took {
    /// Embedding the wordings.
    pub embed_ms: f64,
    /// The search for the nearest vectors.
    pub dense_ms: f64,
    /// The search for the words.
    pub bm25_ms: f64,
    /// Looking up the scores that only one leg gave.
    pub lookup_ms: f64,
    /// Reading the best hits' vectors.
    pub vectors_ms: f64,
    /// Fusing, spreading, sorting, telling the strength, choosing passages that differ.
    pub rank_ms: f64,
    /// Reading the best passages again.
    pub rerank_ms: f64,
    /// Reading the records.
    pub records_ms: f64,
    /// All of it, with waiting for threads.
    pub total_ms: f64,
}

impl Took {
    /// Adds the steps of the index; the total is measured around them.
    pub(super) fn add(&mut self, index: &cairn_search::Took) {
        self.dense_ms += index.dense_ms;
        self.bm25_ms += index.bm25_ms;
        self.lookup_ms += index.lookup_ms;
        self.vectors_ms += index.vectors_ms;
        self.rank_ms += index.rank_ms;
    }
}

/// Milliseconds since `begun`.
pub(super) fn ms(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}
