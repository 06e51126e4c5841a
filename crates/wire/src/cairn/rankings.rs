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

/// A ranking for a vector store.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRanking {
    /// The shares of each step; one that is left out is the default's.
    pub ranking: RankingShares,
}
