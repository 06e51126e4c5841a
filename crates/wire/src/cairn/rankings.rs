use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::openai::RankingShares;

/// How a vector store puts hits in order.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StoreRanking {
    /// Always `vector_store.ranking`.
    pub object: &'static str,
    /// The store.
    pub vector_store_id: String,
    /// The shares of each step.
    pub ranking: RankingShares,
    /// `learned`; `default`, `dense` or `words` where learning gained nothing; `given` by
    /// somebody.
    pub choice: &'static str,
    /// From how many judged queries.
    pub queries: usize,
    /// How good the alternatives are on those.
    pub quality: Option<RankingQuality>,
    /// When it was set; null for a store that has the default.
    pub learned_at: Option<i64>,
    /// How sure it must be to answer.
    pub threshold: StoreThreshold,
}

/// How sure it must be that a store's documents answer a question.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct StoreThreshold {
    /// Below this confidence the answer is that the documents do not say, 0 to 1.
    pub value: f64,
    /// `learned`; `default` where nothing was learned or nothing better found; `given` by
    /// somebody.
    pub choice: &'static str,
    /// How it compares with the program's own, where anything was learned.
    pub quality: Option<ThresholdQuality>,
    /// When it was set; null for a store that never had one.
    pub set_at: Option<i64>,
}

/// A learned threshold beside the program's own, on questions that it was not learned from.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct ThresholdQuality {
    /// Questions that the documents answer.
    pub answerable: usize,
    /// Questions that they do not.
    pub unanswerable: usize,
    /// Refusal F1 of learned thresholds.
    pub learned: f64,
    /// Refusal F1 of the program's own.
    pub default: f64,
    /// Lower bound of the 95 % interval of the difference.
    pub low: f64,
    /// Upper bound.
    pub high: f64,
    /// Share of the answerable questions that learned thresholds refuse.
    pub refused: f64,
    /// Share that the program's own refuses.
    pub refused_by_default: f64,
}

/// Mean nDCG@10 over the judged queries.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RankingQuality {
    /// Of learned rankings, on queries that they were not learned from.
    pub learned: f64,
    /// Of the default ranking.
    pub default: f64,
    /// Of the dense leg alone.
    pub dense: f64,
    /// Of the BM25 leg alone.
    pub words: f64,
}

/// A ranking or a threshold for a vector store, or both; what is left out stays.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRanking {
    /// The shares of each step; one that is left out is the default's.
    pub ranking: Option<RankingShares>,
    /// Below this confidence the answer is that the documents do not say, 0 to 1.
    pub threshold: Option<f32>,
}
