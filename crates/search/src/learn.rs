//! The ranking that suits a store, learned from judged queries.
//!
//! Every combination of shares on a grid is tried on every query, and the one with the
//! best mean nDCG@10 is taken. How good that choice is cannot be read off the queries
//! it was made on, so it is also made on four fifths of them and measured on the rest,
//! five times over: that is [`Quality::learned`], and what the choice must prove itself
//! by. It is dropped for the default ranking if it does no better, and that for the
//! better leg alone if it falls behind by more than [`HARM`]: no store gets worse than
//! the better of its legs by being fused.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use crate::ranking::{FEWEST_SPREAD, apply_spread, neighbour_means, rescore};
use crate::{Fusion, Hit, Ranking, SPREAD_DEPTH};

/// How far behind the better leg a fusion may fall before that leg is taken alone.
pub const HARM: f64 = 0.005;
/// With fewer judged queries the default ranking is kept: the choice would be chance.
pub const FEWEST_QUERIES: usize = 20;
/// Parts that the queries are divided into.
const FOLDS: usize = 5;

const WEIGHTS: [f32; 11] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0];
const SPREADS: [f32; 6] = [0.0, 0.1, 0.2, 0.3, 0.4, 0.5];
const LATES: [f32; 4] = [0.0, 0.2, 0.4, 0.6];

/// A chunk that a leg found, with everything a ranking may look at.
#[derive(Clone, Debug, PartialEq)]
pub struct Candidate {
    /// The chunk's id, as in [`crate::Point::id`].
    pub id: u64,
    /// Its cosine, if the query had a vector.
    pub dense: Option<f32>,
    /// Its BM25 score, if the query had text; 0 when no term matches.
    pub bm25: Option<f32>,
    /// Its embedding; empty if there is none at hand.
    pub vector: Vec<f32>,
    /// What a reranker says of it, if one was asked.
    pub late: Option<f32>,
}

/// A query whose answers are known: what the legs found, and what is relevant.
#[derive(Clone, Debug, PartialEq)]
pub struct Judged {
    /// The candidates of both legs, as [`crate::Index::candidates`] gives them.
    pub candidates: Vec<Candidate>,
    /// The ids of the relevant chunks, found or not.
    pub relevant: HashSet<u64>,
}

/// Which ranking was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Choice {
    /// The learned one.
    Learned,
    /// The default: there are few queries, or learning gained nothing.
    Default,
    /// The dense leg alone: fusing would harm.
    Dense,
    /// The BM25 leg alone: fusing would harm.
    Words,
    /// One that somebody gave: nothing was learned.
    Given,
}

/// Mean nDCG@10 over the judged queries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Quality {
    /// Of learned rankings, on queries that they were not learned from.
    pub learned: f64,
    /// Of the default ranking.
    pub default: f64,
    /// Of the dense leg alone.
    pub dense: f64,
    /// Of the BM25 leg alone.
    pub words: f64,
}

/// What was learned.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Learned {
    /// The ranking to use.
    pub ranking: Ranking,
    /// How it was chosen.
    pub choice: Choice,
    /// From how many queries.
    pub queries: usize,
    /// How good the alternatives are.
    pub quality: Quality,
}

/// Finds the ranking for a store with these judged queries. Queries without a relevant
/// chunk say nothing and are passed over. Takes some milliseconds a query; pure.
pub fn learn(judged: &[Judged]) -> Learned {
    let judged: Vec<&Judged> = judged.iter().filter(|query| !query.relevant.is_empty()).collect();
    let grid = grid(judged.iter().any(|query| query.candidates.iter().any(|c| c.late.is_some())));
    let gains: Vec<Vec<f64>> = judged.iter().map(|query| try_all(query, &grid)).collect();
    let of = |ranking: Ranking| {
        let place = grid.iter().position(|tried| *tried == ranking);
        place.map_or(0.0, |place| mean(gains.iter().filter_map(|row| row.get(place).copied())))
    };
    let mut quality = Quality {
        learned: cross_validated(&gains, grid.len()),
        default: of(Ranking::default()),
        dense: of(Ranking::only(1.0)),
        words: of(Ranking::only(0.0)),
    };
    let enough = judged.len() >= FEWEST_QUERIES;
    if !enough {
        quality.learned = quality.default;
    }
    let (ranking, choice) = choose(&quality, enough, || {
        let best = best(gains.iter(), grid.len());
        grid.get(best).copied().unwrap_or_default()
    });
    Learned { ranking, choice, queries: judged.len(), quality }
}

fn choose(quality: &Quality, enough: bool, learned: impl FnOnce() -> Ranking) -> (Ranking, Choice) {
    let leg = quality.dense.max(quality.words);
    if enough && quality.learned > quality.default && quality.learned >= leg - HARM {
        return (learned(), Choice::Learned);
    }
    if !enough || quality.default >= leg - HARM {
        return (Ranking::default(), Choice::Default);
    }
    if quality.dense >= quality.words {
        (Ranking::only(1.0), Choice::Dense)
    } else {
        (Ranking::only(0.0), Choice::Words)
    }
}

/// Every ranking that is tried; the default is first, so that it wins where all are equal.
fn grid(late: bool) -> Vec<Ranking> {
    let lates = if late { &LATES[..] } else { &LATES[..1] };
    let mut grid = vec![Ranking::default()];
    for &dense_weight in &WEIGHTS {
        for &spread in &SPREADS {
            grid.extend(lates.iter().map(|&late| Ranking { dense_weight, spread, late }));
        }
    }
    grid
}

/// nDCG@10 of one query under each ranking of `grid`. What does not depend on a share
/// is worked out once for all its values.
fn try_all(query: &Judged, grid: &[Ranking]) -> Vec<f64> {
    let vectors: HashMap<u64, &[f32]> =
        query.candidates.iter().map(|c| (c.id, c.vector.as_slice())).collect();
    let late: HashMap<u64, f32> =
        query.candidates.iter().filter_map(|c| c.late.map(|late| (c.id, late))).collect();
    let mut fused: HashMap<u32, (Vec<Hit>, Vec<f32>)> = HashMap::new();
    let mut gain = |ranking: &Ranking| {
        let (hits, means) = fused.entry(ranking.dense_weight.to_bits()).or_insert_with(|| {
            let hits = Fusion { dense_weight: ranking.dense_weight }
                .rank(query.candidates.iter().map(Hit::from).collect(), SPREAD_DEPTH);
            let scores: Vec<f32> = hits.iter().map(|hit| hit.score).collect();
            let near = |hit: &Hit| vectors.get(&hit.id).copied().filter(|v| !v.is_empty());
            let held: Vec<Option<&[f32]>> = hits.iter().map(near).collect();
            let means = if hits.len() < FEWEST_SPREAD {
                Vec::new()
            } else {
                neighbour_means(&scores, &held)
            };
            (hits, means)
        });
        let mut hits = hits.clone();
        if !means.is_empty() && ranking.spread > 0.0 {
            apply_spread(&mut hits, means, ranking.spread);
        }
        rescore(&mut hits, &late, ranking.late);
        ndcg(hits.iter().map(|hit| hit.id), &query.relevant)
    };
    grid.iter().map(&mut gain).collect()
}

/// The mean gain of what is best on the other folds.
fn cross_validated(gains: &[Vec<f64>], count: usize) -> f64 {
    let mut held_out = Vec::with_capacity(gains.len());
    for fold in 0..FOLDS {
        let others = gains.iter().enumerate().filter(|(n, _)| n % FOLDS != fold);
        let best = best(others.map(|(_, row)| row), count);
        held_out.extend(gains.iter().skip(fold).step_by(FOLDS).filter_map(|row| row.get(best)));
    }
    mean(held_out.into_iter().copied())
}

/// Which column has the greatest sum; the first of equals.
fn best<'a>(rows: impl Iterator<Item = &'a Vec<f64>>, count: usize) -> usize {
    let mut sums = vec![0.0; count];
    for row in rows {
        for (sum, gain) in sums.iter_mut().zip(row) {
            *sum += gain;
        }
    }
    let better = |best: usize, place: usize| {
        if sums.get(place) > sums.get(best) { place } else { best }
    };
    (0..count).fold(0, better)
}

#[expect(clippy::cast_precision_loss, reason = "counts of queries are small")]
fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0_usize), |(sum, count), value| (sum + value, count + 1));
    sum / count.max(1) as f64
}

/// Discounted gain of the first ten over the best possible, relevance being yes or no
/// (Järvelin and Kekäläinen 2002).
pub fn ndcg(ranked: impl Iterator<Item = u64>, relevant: &HashSet<u64>) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "a place among the first ten")]
    let discount = |place: usize| 1.0 / (place as f64 + 2.0).log2();
    let best: f64 = (0..relevant.len().min(10)).map(discount).sum();
    if best == 0.0 {
        return 0.0;
    }
    let found = ranked.take(10).enumerate().filter(|(_, id)| relevant.contains(id));
    found.map(|(place, _)| discount(place)).sum::<f64>() / best
}

impl From<&Candidate> for Hit {
    fn from(candidate: &Candidate) -> Self {
        Self { dense: candidate.dense, bm25: candidate.bm25, ..Self::of(candidate.id) }
    }
}

/// The whole way of a query through `ranking`: fused, spread, and rescored where the
/// candidates have a reranker's score. The best `limit` hits.
pub fn rank(candidates: &[Candidate], ranking: &Ranking, limit: usize) -> Vec<Hit> {
    let vectors: HashMap<u64, Vec<f32>> = candidates
        .iter()
        .filter(|candidate| !candidate.vector.is_empty())
        .map(|candidate| (candidate.id, candidate.vector.clone()))
        .collect();
    let late: HashMap<u64, f32> =
        candidates.iter().filter_map(|c| c.late.map(|late| (c.id, late))).collect();
    let mut hits = ranking.fusion().rank(candidates.iter().map(Hit::from).collect(), usize::MAX);
    crate::spread(&mut hits, &vectors, ranking.spread);
    rescore(&mut hits, &late, ranking.late);
    hits.truncate(limit);
    hits
}

#[cfg(test)]
mod tests;
