//! What a search looks for, and how.

use cairn_kernel::{Error, Id, Result};
use cairn_search::{Filter, Ranking};

use super::attached::Attached;
use super::order::{ASKED_SHARE, Ranker};

/// How many passages the choice is made from, at least, where it is not simply the best.
const POOL: usize = 50;

/// What to look for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The stores to search.
    pub stores: Vec<Id>,
    /// Files that stand in the question, which are looked in beside the stores.
    pub attached: Attached,
    /// One or more wordings; a passage counts with its best.
    pub queries: Vec<String>,
    /// Most passages to return.
    pub limit: usize,
    /// OpenAI's attribute filter.
    pub filter: Option<Filter>,
    /// Leaves out passages whose [`Passage::absolute_score`](super::Passage::absolute_score) is
    /// below this.
    pub score_threshold: f32,
    /// Share of the dense leg in the score, 0 to 1. Where it is given, it takes the place of
    /// the stores' rankings: nothing is spread, and nothing reranked unless `ranker` asks.
    pub dense_weight: Option<f32>,
    /// The ranking in place of the stores' own and of `dense_weight`.
    pub ranking: Option<Ranking>,
    /// Which reranker reads the best passages again.
    pub ranker: Ranker,
    /// 0 to 1: how much it counts that passages are unlike each other; 0 takes the best.
    pub diversity: f32,
    /// Whether each passage is widened to the section around it.
    pub expand: bool,
    /// A generation of the one store that is being built, in the place of the one that answers:
    /// for evaluations, which try it.
    pub generation: Option<i64>,
    /// A file that is looked over as if it were not there: for evaluations, which ask for what
    /// only it says.
    pub without: Option<String>,
}

impl Request {
    /// `query` in `stores`, the `limit` best passages.
    pub fn new(stores: Vec<Id>, query: impl Into<String>, limit: usize) -> Self {
        Self {
            stores,
            attached: Attached::default(),
            queries: vec![query.into()],
            limit,
            filter: None,
            score_threshold: 0.0,
            dense_weight: None,
            ranking: None,
            ranker: Ranker::Auto,
            diversity: 0.0,
            expand: false,
            generation: None,
            without: None,
        }
    }

    /// Fails with `Invalid` for what cannot be searched for.
    pub(super) fn check(&self) -> Result<()> {
        if self.queries.iter().all(|query| query.trim().is_empty()) {
            return Err(Error::invalid("the query is empty; ask something").with_param("query"));
        }
        if !(0.0..=1.0).contains(&self.diversity) {
            return Err(Error::invalid(format!(
                "diversity is {}; it must be between 0 and 1",
                self.diversity
            ))
            .with_param("diversity"));
        }
        self.ranking_for(Ranking::default()).check()
    }

    /// How hits of a store are ranked whose own ranking is `held`.
    pub(super) fn ranking_for(&self, held: Ranking) -> Ranking {
        let weighed = |dense_weight| Ranking { dense_weight, ..Ranking::default() };
        let mut ranking = self.ranking.or(self.dense_weight.map(weighed)).unwrap_or(held);
        match self.ranker {
            Ranker::Auto => {}
            Ranker::None => ranking.late = 0.0,
            Ranker::LateInteraction | Ranker::CrossEncoder if ranking.late > 0.0 => {}
            Ranker::LateInteraction | Ranker::CrossEncoder => ranking.late = ASKED_SHARE,
        }
        ranking
    }

    /// How many passages the choice is made from.
    pub(super) fn pool(&self) -> usize {
        if self.diversity > 0.0 || self.expand { self.limit.max(POOL) } else { self.limit }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(change: impl FnOnce(&mut Request)) -> Request {
        let mut request = Request::new(Vec::new(), "stones", 5);
        change(&mut request);
        request
    }

    #[test]
    fn what_the_request_says_takes_the_place_of_the_stores_ranking() {
        let held = Ranking { dense_weight: 0.3, spread: 0.2, late: 0.2 };
        let ranked = |change: fn(&mut Request)| asked(change).ranking_for(held);
        assert_eq!(ranked(|_| ()), held);
        let weighed = Ranking { dense_weight: 0.9, ..Ranking::default() };
        assert_eq!(ranked(|request| request.dense_weight = Some(0.9)), weighed);
        let given = Ranking { dense_weight: 1.0, spread: 0.5, late: 0.0 };
        let both = |request: &mut Request| {
            request.dense_weight = Some(0.9);
            request.ranking = Some(Ranking { dense_weight: 1.0, spread: 0.5, late: 0.0 });
        };
        assert_eq!(ranked(both), given);
    }

    #[test]
    fn a_ranker_sets_the_share_of_the_reranker_only() {
        let held = Ranking { dense_weight: 0.3, spread: 0.2, late: 0.2 };
        let none = asked(|request| request.ranker = Ranker::None);
        assert_eq!(none.ranking_for(held), Ranking { late: 0.0, ..held });
        for ranker in [Ranker::LateInteraction, Ranker::CrossEncoder] {
            let named = asked(|request| request.ranker = ranker);
            assert_eq!(named.ranking_for(held), held, "a learned share holds");
            let fresh = named.ranking_for(Ranking::default());
            assert_eq!(fresh, Ranking { late: ASKED_SHARE, ..Ranking::default() });
        }
    }

    #[test]
    fn what_cannot_be_searched_for_is_refused() {
        assert!(asked(|_| ()).check().is_ok());
        for bad in [
            asked(|request| request.queries = vec![" ".to_owned()]),
            asked(|request| request.diversity = 1.1),
            asked(|request| request.diversity = f32::NAN),
            asked(|request| request.dense_weight = Some(2.0)),
            asked(|request| {
                request.ranking = Some(Ranking { late: -0.1, ..Ranking::default() });
            }),
        ] {
            assert!(bad.check().is_err(), "{bad:?}");
        }
    }
}
