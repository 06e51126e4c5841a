//! From fused hits to the final order, and what of it a store can learn.
//!
//! Three steps, each a pure function: [`Fusion`] makes one score of the two legs';
//! [`spread`] lets each of the best hits take a share of its score from its nearest
//! neighbours among them; [`rescore`] mixes in a reranker's scores, where the caller
//! has them. A [`Ranking`] holds the shares. [`crate::learn()`] finds those of a store.
//!
//! Spreading is the regularisation of scores by Diaz (CIKM 2005), one step of it: what
//! answers a query lies together, so a hit whose neighbours score well is more likely
//! right, with or without the query's words. Measured with MiniLM (nDCG@10 on Cranfield,
//! CACM and 600 questions on 294 paragraphs of SQuAD): no spreading 0.427, 0.600, 0.91;
//! a share of 0.2 0.441, 0.608, 0.91; learned 0.464, 0.618, 0.91, with shares of 0.5, 0.5
//! and 0. A share of 0.5 takes SQuAD down to 0.89: it finds what is about a subject, and
//! not the one passage that holds an answer. So it is off until judged queries ask for it.

use std::collections::HashMap;

use cairn_kernel::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::{Fusion, Hit};

/// How many of the best hits take part in spreading.
pub const SPREAD_DEPTH: usize = 50;
/// How many neighbours a hit listens to.
const NEIGHBOURS: usize = 10;
/// With fewer hits than this, neighbours are no evidence.
pub(crate) const FEWEST_SPREAD: usize = 2 * NEIGHBOURS;

/// How hits are put in order: the shares of each step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Ranking {
    /// Share of the dense leg in the fused score, 0 to 1; the rest is BM25's.
    pub dense_weight: f32,
    /// Share of a hit's neighbours in its score, 0 to 1.
    pub spread: f32,
    /// Share of a reranker (late interaction) in the final score, 0 to 1. It applies
    /// where the caller has such scores and gives them to [`rescore`].
    pub late: f32,
}

impl Default for Ranking {
    fn default() -> Self {
        Self { dense_weight: Fusion::default().dense_weight, spread: 0.0, late: 0.0 }
    }
}

impl From<Fusion> for Ranking {
    fn from(fusion: Fusion) -> Self {
        Self { dense_weight: fusion.dense_weight, ..Self::default() }
    }
}

impl Ranking {
    /// One leg alone, as it is.
    pub(crate) fn only(dense_weight: f32) -> Self {
        Self { dense_weight, spread: 0.0, late: 0.0 }
    }

    /// The fusion with its weight.
    pub fn fusion(&self) -> Fusion {
        Fusion { dense_weight: self.dense_weight }
    }

    /// Fails with `Kind::Invalid` unless every share is between 0 and 1.
    pub fn check(&self) -> Result<()> {
        for (name, share) in [("neighbours", self.spread), ("reranker", self.late)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(Error::invalid(format!(
                    "the share of the {name} is {share}, and must be between 0 and 1"
                )));
            }
        }
        self.fusion().check()
    }
}

/// For each of `vectors` the mean of its neighbours' `scores`, weighed by the fourth
/// power of the cosine. A vector without a neighbour has its own score.
pub(crate) fn neighbour_means(scores: &[f32], vectors: &[Option<&[f32]>]) -> Vec<f32> {
    let lengths: Vec<f32> =
        vectors.iter().map(|vector| vector.map_or(0.0, |v| dot(v, v).sqrt())).collect();
    let count = scores.len().min(vectors.len());
    let mut weights = vec![0.0_f32; count * count];
    for i in 0..count {
        for j in 0..i {
            let (Some(a), Some(b)) = (vectors[i], vectors[j]) else { continue };
            let cosine = dot(a, b) / (lengths[i] * lengths[j]).max(f32::MIN_POSITIVE);
            let weight = cosine.clamp(0.0, 1.0).powi(4);
            weights[i * count + j] = weight;
            weights[j * count + i] = weight;
        }
    }
    let mean = |i: usize| {
        let mut near: Vec<(f32, f32)> = weights[i * count..(i + 1) * count]
            .iter()
            .copied()
            .zip(scores.iter().copied())
            .collect();
        near.sort_by(|a, b| b.0.total_cmp(&a.0));
        near.truncate(NEIGHBOURS);
        let total: f32 = near.iter().map(|(weight, _)| weight).sum();
        if total <= f32::EPSILON {
            return scores[i];
        }
        near.iter().map(|(weight, score)| weight * score).sum::<f32>() / total
    };
    (0..count).map(mean).collect()
}

/// Eight sums side by side: the compiler makes one vector of them.
fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut sums = [0.0_f32; 8];
    let (whole_a, whole_b) = (a.chunks_exact(8), b.chunks_exact(8));
    let rest: f32 = whole_a.remainder().iter().zip(whole_b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in whole_a.zip(whole_b) {
        for lane in 0..8 {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f32>() + rest
}

/// Lets the best hits take `share` of their score from their neighbours', and sorts.
///
/// `hits` are sorted, best first. Beyond [`SPREAD_DEPTH`] they keep their order, below
/// the others. The best score stays what it was, so that scores keep their meaning.
/// Hits without a vector, and all hits when there are few, keep their scores.
pub fn spread(hits: &mut [Hit], vectors: &HashMap<u64, Vec<f32>>, share: f32) {
    let depth = hits.len().min(SPREAD_DEPTH);
    if depth < FEWEST_SPREAD || share <= 0.0 {
        return;
    }
    let scores: Vec<f32> = hits[..depth].iter().map(|hit| hit.score).collect();
    let held: Vec<Option<&[f32]>> =
        hits[..depth].iter().map(|hit| vectors.get(&hit.id).map(Vec::as_slice)).collect();
    let means = neighbour_means(&scores, &held);
    apply_spread(hits, &means, share);
}

/// The second half of [`spread`]: `means` belong to the first hits.
pub(crate) fn apply_spread(hits: &mut [Hit], means: &[f32], share: f32) {
    let Some(top) = hits.first().map(|hit| hit.score) else { return };
    let (head, tail) = hits.split_at_mut(means.len().min(hits.len()));
    for (hit, mean) in head.iter_mut().zip(means) {
        hit.explain.spread = Some(*mean);
        hit.score = (1.0 - share) * hit.score + share * mean;
    }
    let best = head.iter().map(|hit| hit.score).fold(0.0, f32::max);
    if best > 0.0 {
        for hit in head.iter_mut() {
            hit.score = (hit.score * top / best).clamp(0.0, 1.0);
        }
    }
    settle(head, tail);
}

/// Mixes `share` of a reranker's scores in, and sorts.
///
/// The reranker's scores are brought to 0..1 over the hits that have one; those
/// without follow after the others in the order that they had.
pub fn rescore(hits: &mut Vec<Hit>, late: &HashMap<u64, f32>, share: f32) {
    if let Some(range) = late_range(hits.iter(), late) {
        rescore_within(hits, late, share, range);
    }
}

/// The least and the greatest score that a reranker gave to one of `hits`.
pub fn late_range<'a>(
    hits: impl IntoIterator<Item = &'a Hit>,
    late: &HashMap<u64, f32>,
) -> Option<(f32, f32)> {
    let scores = hits.into_iter().filter_map(|hit| late.get(&hit.id).copied());
    scores.fold(None, |range, score| match range {
        None => Some((score, score)),
        Some((low, top)) => Some((score.min(low), score.max(top))),
    })
}

/// As [`rescore`] for some of the hits that a reranker read: its scores are brought to 0..1 over
/// all of them, from `low` to `top`, so that those of one list can be compared with another's.
pub fn rescore_within(
    hits: &mut Vec<Hit>,
    late: &HashMap<u64, f32>,
    share: f32,
    (low, top): (f32, f32),
) {
    if share <= 0.0 || !hits.iter().any(|hit| late.contains_key(&hit.id)) {
        return;
    }
    let (mut head, mut tail): (Vec<Hit>, Vec<Hit>) =
        hits.drain(..).partition(|hit| late.contains_key(&hit.id));
    for hit in &mut head {
        let raw = late.get(&hit.id).copied().unwrap_or(low);
        let scaled = if top > low { (raw - low) / (top - low) } else { 1.0 };
        hit.explain.late = Some(scaled);
        hit.score = (1.0 - share) * hit.score + share * scaled;
    }
    settle(&mut head, &mut tail);
    hits.append(&mut head);
    hits.append(&mut tail);
}

/// Sorts `head`, and brings `tail` below it without touching its order.
fn settle(head: &mut [Hit], tail: &mut [Hit]) {
    head.sort_by(best_first);
    let floor = head.last().map_or(f32::INFINITY, |hit| hit.score);
    for hit in tail {
        hit.score = hit.score.min(floor);
    }
}

/// The order of hits: by score, and by id where scores are equal.
pub(crate) fn best_first(a: &Hit, b: &Hit) -> std::cmp::Ordering {
    b.score.total_cmp(&a.score).then(a.id.cmp(&b.id))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 30 hits with falling scores: those with even ids lie together, so do the others.
    fn hits() -> (Vec<Hit>, HashMap<u64, Vec<f32>>) {
        let hits = (0..30_u8)
            .map(|id| Hit { score: 1.0 - f32::from(id) / 40.0, ..Hit::of(u64::from(id)) })
            .collect();
        let vector = |id: u64| if id.is_multiple_of(2) { vec![1.0, 0.1] } else { vec![0.1, 1.0] };
        (hits, (0..30).map(|id| (id, vector(id))).collect())
    }

    #[test]
    fn neighbours_lift_what_lies_among_good_hits() {
        let (mut hits, vectors) = hits();
        // The second hit lies among even ones, all others of odd ids score nothing.
        for hit in &mut hits {
            if hit.id % 2 == 1 && hit.id != 1 {
                hit.score = 0.0;
            }
        }
        hits.sort_by(best_first);
        let before: Vec<u64> = hits.iter().map(|hit| hit.id).collect();
        spread(&mut hits, &vectors, 0.5);
        assert_eq!(before[..2], [0, 1]);
        assert_eq!(hits[0].id, 0);
        assert!(hits.iter().position(|hit| hit.id == 1) > Some(5), "alone among bad ones");
        assert_eq!(hits[0].score, 1.0);
        assert!(hits[0].explain.spread.is_some_and(|mean| mean > 0.5));
        assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
    }

    #[test]
    fn nothing_is_spread_without_a_share_vectors_or_enough_hits() {
        let (same, vectors) = hits();
        let mut hits = same.clone();
        spread(&mut hits, &vectors, 0.0);
        assert_eq!(hits, same);
        spread(&mut hits, &HashMap::new(), 0.7);
        assert!(
            hits.iter().zip(&same).all(|(a, b)| a.id == b.id && (a.score - b.score).abs() < 1e-6)
        );
        let mut few = same[..5].to_vec();
        spread(&mut few, &vectors, 0.7);
        assert_eq!(few, same[..5]);
    }

    #[test]
    fn what_lies_beyond_the_depth_stays_below() {
        let mut hits: Vec<Hit> = (0..80_u8)
            .map(|id| Hit { score: 1.0 - f32::from(id) / 100.0, ..Hit::of(u64::from(id)) })
            .collect();
        let vectors = (0..80_u8).map(|id| (u64::from(id), vec![1.0, f32::from(id % 7)])).collect();
        spread(&mut hits, &vectors, 0.9);
        assert!(hits.is_sorted_by(|a, b| a.score >= b.score));
        assert!(hits[SPREAD_DEPTH..].iter().map(|hit| hit.id).eq(50..80));
    }

    #[test]
    fn a_reranker_decides_by_its_share() {
        let (same, _) = hits();
        let late: HashMap<u64, f32> = [(0, 0.1), (1, 0.3), (2, 0.9)].into();
        let mut all = same.clone();
        rescore(&mut all, &late, 1.0);
        assert!(all[..3].iter().map(|hit| hit.id).eq([2, 1, 0]));
        assert_eq!((all[0].score, all[0].explain.late), (1.0, Some(1.0)));
        assert!(all[3..].iter().map(|hit| hit.id).eq(3..30));
        assert!(all.is_sorted_by(|a, b| a.score >= b.score));
        let mut none = same.clone();
        rescore(&mut none, &late, 0.0);
        rescore(&mut none, &HashMap::new(), 1.0);
        assert_eq!(none, same);
    }

    #[test]
    fn shares_outside_their_range_are_refused() {
        let bad = [
            Ranking { spread: 1.5, ..Ranking::default() },
            Ranking { late: f32::NAN, ..Ranking::default() },
            Ranking { dense_weight: -1.0, ..Ranking::default() },
        ];
        assert!(bad.iter().all(|ranking| ranking.check().is_err()));
        assert!(Ranking::default().check().is_ok());
    }

    #[test]
    fn products_of_any_length() {
        let (a, b): (Vec<f32>, Vec<f32>) = ((1..20_u8).map(f32::from).collect(), vec![2.0; 19]);
        assert_eq!(dot(&a, &b), 380.0);
        assert_eq!(dot(&a[..3], &b[..3]), 12.0);
    }
}
