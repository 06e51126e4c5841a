use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Our options of a search.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchOptions {
    /// Whether each hit says how it came to its score, and the answer what each step took.
    #[serde(default)]
    pub explain: bool,
    /// 0 to 1: how much it counts that hits are unlike each other. 0, the default, takes the
    /// best; the hits come in the order in which they were chosen.
    pub diversity: Option<f32>,
    /// `section` widens each hit to the section around it, up to 6,000 characters.
    pub expand: Option<String>,
    /// What to rank by in place of the stores' own rankings.
    pub ranking: Option<RankingShares>,
}

/// How hits are put in order: the shares of each step, 0 to 1.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RankingShares {
    /// Of the dense leg in the fused score; the rest is BM25's. 0.6 by default.
    pub dense_weight: Option<f32>,
    /// Of a hit's neighbours in its score. 0 by default.
    pub spread: Option<f32>,
    /// Of the reranker in the final score. 0, which asks none, by default.
    pub late: Option<f32>,
}

/// Our extra fields of a search's answer.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SearchExtra {
    /// What each step took.
    pub took: SearchTook,
}

/// What the steps of a search took, in milliseconds, over all stores and wordings.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct SearchTook {
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
    /// Fusing, spreading, sorting, telling the strength, choosing hits that differ.
    pub rank_ms: f64,
    /// Reading the best hits again.
    pub rerank_ms: f64,
    /// Reading the records.
    pub records_ms: f64,
    /// All of it, with waiting for threads.
    pub total_ms: f64,
}

/// How a hit came to its score, which is `final * strength`. All are 0 to 1; all but `strength` are
/// relative to what else the search found.
///
/// With a reranker `final` is `(1 - ranking.late) * first_stage + ranking.late * late`; a hit
/// that it did not read stands below those that it read. An answer takes the mean of that
/// and `coverage`.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct HitExplain {
    /// Which wording it counts with, from 0.
    pub query: usize,
    /// The shares it was ranked by.
    pub ranking: RankingShares,
    /// Its place by cosine among the candidates, from 1.
    pub dense_place: Option<u32>,
    /// Its place by BM25 among the candidates, from 1; null if no word matches.
    pub bm25_place: Option<u32>,
    /// The cosine on the scale of the candidates.
    pub dense: f32,
    /// The BM25 score on the scale of the candidates.
    pub bm25: f32,
    /// Both, weighed by `ranking.dense_weight`.
    pub fused: f32,
    /// The mean fused score of its neighbours, where it took a share of it.
    pub spread: Option<f32>,
    /// Where several stores were asked, how the best of this one stands beside what all have, 0
    /// to 1: its scores are multiplied with that.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub standing: Option<f32>,
    /// The score before a reranker had its share: `fused`, or what spreading made of it, times
    /// `standing`.
    pub first_stage: f32,
    /// The reranker's score on the scale of the hits it read, where it read this one.
    pub late: Option<f32>,
    /// In an answer, the share of the question's content words that two neighbouring
    /// sentences of it have.
    pub coverage: Option<f32>,
    /// The relative score, which is near 1 for the best hit of any search: it orders hits.
    #[serde(rename = "final")]
    pub last: f32,
    /// How strongly the best of what the search found bears on the query, whatever else there is:
    /// the same for all its hits.
    pub strength: f32,
}

/// A hit within a section.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct SectionHit {
    /// The chunk.
    pub chunk_id: String,
    /// Page it begins on, from 1.
    pub page: Option<i64>,
    /// First character in the document's text.
    pub char_start: i64,
    /// One past its last character.
    pub char_end: i64,
    /// Its score.
    pub score: f32,
}
