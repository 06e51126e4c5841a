//! How each vector store puts hits in order, and how sure it must be to answer: its own ranking
//! and threshold, or the defaults.

mod threshold;

use cairn_kernel::{Id, Result, ResultExt, Role, Scope, Timestamp};
use cairn_store::Records;
use cairn_store::records::RankingRow;

pub use cairn_search::{Choice, Learned, Quality, Ranking};
pub use threshold::{StoreThreshold, ThresholdChoice, ThresholdQuality};

/// The ranking of a store, and how it came by it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StoreRanking {
    /// The shares of each step of a search.
    pub ranking: Ranking,
    /// How it was chosen; [`Choice::Default`] for a store that has none of its own.
    pub choice: Choice,
    /// From how many judged queries.
    pub queries: usize,
    /// How good the alternatives are on those; `None` where nothing was learned.
    pub quality: Option<Quality>,
    /// When it was set; `None` for a store that has none of its own.
    pub learned_at: Option<Timestamp>,
}

impl Default for StoreRanking {
    fn default() -> Self {
        Self {
            ranking: Ranking::default(),
            choice: Choice::Default,
            queries: 0,
            quality: None,
            learned_at: None,
        }
    }
}

impl StoreRanking {
    /// What the records say, or the default.
    ///
    /// # Errors
    /// `Internal` when they cannot be read.
    pub(crate) fn of(row: Option<RankingRow>) -> Result<Self> {
        let Some(row) = row else { return Ok(Self::default()) };
        let reading = "reading a ranking";
        let quality = row.quality.as_deref().map(serde_json::from_str).transpose();
        Ok(Self {
            ranking: serde_json::from_str(&row.ranking).or_internal(reading)?,
            choice: serde_json::from_str(&row.choice).or_internal(reading)?,
            queries: usize::try_from(row.queries).unwrap_or(0),
            quality: quality.or_internal(reading)?,
            learned_at: Some(row.created_at),
        })
    }
}

/// Shows and sets rankings and thresholds. A search or an answer uses what is set from the moment the call returns.
#[derive(Clone, Debug)]
pub struct Rankings {
    records: Records,
}

impl Rankings {
    /// Rankings in `records`.
    pub fn new(records: Records) -> Self {
        Self { records }
    }

    /// The ranking of a store.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn get(&self, scope: &Scope, store: &Id) -> Result<StoreRanking> {
        StoreRanking::of(self.records.store_with_ranking(scope, store).await?.1)
    }

    /// Keeps what was learned from judged queries.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`, `Invalid` for shares outside 0 to 1.
    pub async fn set(&self, scope: &Scope, store: &Id, learned: &Learned) -> Result<StoreRanking> {
        let Learned { ranking, choice, queries, quality } = *learned;
        self.put(scope, store, (ranking, choice, queries, Some(quality))).await
    }

    /// Keeps a ranking that somebody gives.
    ///
    /// # Errors
    /// As [`Rankings::set`].
    pub async fn give(&self, scope: &Scope, store: &Id, ranking: Ranking) -> Result<StoreRanking> {
        self.put(scope, store, (ranking, Choice::Given, 0, None)).await
    }

    /// Gives a store the default ranking and the default threshold again.
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn reset(&self, scope: &Scope, store: &Id) -> Result<StoreRanking> {
        scope.require(Role::Editor)?;
        self.records.store(scope, store).await?;
        self.records.delete_ranking(scope, store).await?;
        self.records.delete_threshold(scope, store).await?;
        tracing::info!(%store, "ranking reset");
        Ok(StoreRanking::default())
    }

    async fn put(
        &self,
        scope: &Scope,
        store: &Id,
        (ranking, choice, queries, quality): (Ranking, Choice, usize, Option<Quality>),
    ) -> Result<StoreRanking> {
        scope.require(Role::Editor)?;
        ranking.check().map_err(|fault| fault.with_param("ranking"))?;
        let writing = "writing a ranking";
        let quality = quality.map(|quality| serde_json::to_string(&quality)).transpose();
        let row = RankingRow {
            ranking: serde_json::to_string(&ranking).or_internal(writing)?,
            choice: serde_json::to_string(&choice).or_internal(writing)?,
            queries: i64::try_from(queries).unwrap_or(i64::MAX),
            quality: quality.or_internal(writing)?,
            created_at: self.records.clock().now(),
        };
        self.records.set_ranking(scope, store, &row).await?;
        tracing::info!(%store, ?ranking, ?choice, queries, "ranking set");
        StoreRanking::of(Some(row))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_was_learned() -> Result<()> {
        let ranking = Ranking { dense_weight: 0.3, spread: 0.1, late: 0.4 };
        let quality = Quality { learned: 0.61, default: 0.6, dense: 0.4, words: 0.5 };
        let writing = "writing";
        let row = RankingRow {
            ranking: serde_json::to_string(&ranking).or_internal(writing)?,
            choice: serde_json::to_string(&Choice::Words).or_internal(writing)?,
            queries: 40,
            quality: Some(serde_json::to_string(&quality).or_internal(writing)?),
            created_at: 5,
        };
        let held = StoreRanking::of(Some(row))?;
        assert_eq!((held.ranking, held.choice, held.queries), (ranking, Choice::Words, 40));
        assert_eq!((held.quality, held.learned_at), (Some(quality), Some(5)));
        assert_eq!(StoreRanking::of(None)?, StoreRanking::default());
        Ok(())
    }

    #[test]
    fn a_share_that_a_ranking_does_not_name_is_the_defaults() -> Result<()> {
        let row = RankingRow {
            ranking: "{\"late\":0.2}".to_owned(),
            choice: "\"given\"".to_owned(),
            queries: 0,
            quality: None,
            created_at: 0,
        };
        let expected = Ranking { late: 0.2, ..Ranking::default() };
        assert_eq!(StoreRanking::of(Some(row))?.ranking, expected);
        Ok(())
    }
}
