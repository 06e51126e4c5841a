//! What is done with hits once they are in order: less of the same, and more around each.

use std::collections::{HashMap, HashSet};
use std::hash::Hash;

use crate::Hit;

/// Chooses `limit` hits that are good and unlike each other: maximal marginal relevance
/// (Carbonell and Goldstein, SIGIR 1998). Each next hit is the one with the greatest
/// `trade_off · score − (1 − trade_off) · greatest cosine with a chosen one`.
///
/// With a `trade_off` of 1 the order stays. A hit without a vector is like no other.
/// The scores stay what they were, so they need not fall along the result.
pub fn diversify(
    hits: Vec<Hit>,
    vectors: &HashMap<u64, Vec<f32>>,
    trade_off: f32,
    limit: usize,
) -> Vec<Hit> {
    let trade_off = trade_off.clamp(0.0, 1.0);
    let mut left: Vec<(Hit, f32)> = hits.into_iter().map(|hit| (hit, 0.0)).collect();
    let mut chosen: Vec<Hit> = Vec::with_capacity(limit.min(left.len()));
    while chosen.len() < limit {
        let worth = |(hit, near): &(Hit, f32)| trade_off * hit.score - (1.0 - trade_off) * near;
        // The first of equals, for the hits come in order.
        let best =
            (0..left.len()).reduce(|a, b| if worth(&left[b]) > worth(&left[a]) { b } else { a });
        let Some(best) = best else { break };
        let (hit, _) = left.remove(best);
        for (other, near) in &mut left {
            *near = near.max(cosine(vectors.get(&hit.id), vectors.get(&other.id)));
        }
        chosen.push(hit);
    }
    chosen
}

fn cosine(a: Option<&Vec<f32>>, b: Option<&Vec<f32>>) -> f32 {
    let (Some(a), Some(b)) = (a, b) else { return 0.0 };
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt().max(f32::MIN_POSITIVE)
}

/// Groups hits under the larger piece that each belongs to (a section, a document), as
/// `parent` says: one group a parent, with its best hit first, groups in the order of
/// their best. Hits without a parent stand for themselves.
///
/// The first `limit` groups are returned, each with its parent and all of its hits, so
/// that the caller may show the parent's text and mark the hits in it.
pub fn expand<P: Clone + Eq + Hash>(
    hits: Vec<Hit>,
    parent: impl Fn(u64) -> Option<P>,
    limit: usize,
) -> Vec<(Option<P>, Vec<Hit>)> {
    let mut places: HashMap<P, usize> = HashMap::new();
    let mut groups: Vec<(Option<P>, Vec<Hit>)> = Vec::new();
    let mut seen = HashSet::new();
    for hit in hits.into_iter().filter(|hit| seen.insert(hit.id)) {
        let Some(parent) = parent(hit.id) else {
            groups.push((None, vec![hit]));
            continue;
        };
        let place = *places.entry(parent.clone()).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.1.push(hit),
            None => groups.push((Some(parent), vec![hit])),
        }
    }
    groups.truncate(limit);
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(scores: &[f32]) -> Vec<Hit> {
        (0..).zip(scores).map(|(id, score)| Hit { score: *score, ..Hit::of(id) }).collect()
    }

    fn ids(hits: &[Hit]) -> Vec<u64> {
        hits.iter().map(|hit| hit.id).collect()
    }

    #[test]
    fn a_copy_gives_way_to_something_else() {
        let vectors: HashMap<u64, Vec<f32>> =
            [(0, vec![1.0, 0.0]), (1, vec![1.0, 0.0]), (2, vec![0.0, 1.0])].into();
        let found = hits(&[0.9, 0.89, 0.5, 0.1]);
        assert_eq!(ids(&diversify(found.clone(), &vectors, 0.5, 3)), [0, 2, 3]);
        assert_eq!(ids(&diversify(found.clone(), &vectors, 1.0, 9)), [0, 1, 2, 3]);
        assert_eq!(ids(&diversify(found, &vectors, 0.5, 0)), Vec::<u64>::new());
    }

    #[test]
    fn hits_gather_under_their_parents() {
        let parent = |id: u64| (id != 3).then_some(id % 2);
        let groups = expand(hits(&[0.9, 0.8, 0.7, 0.6, 0.5, 0.4]), parent, 3);
        let shape: Vec<(Option<u64>, Vec<u64>)> =
            groups.iter().map(|(parent, hits)| (*parent, ids(hits))).collect();
        assert_eq!(shape, [(Some(0), vec![0, 2, 4]), (Some(1), vec![1, 5]), (None, vec![3])]);
        assert_eq!(expand(hits(&[0.9, 0.8]), parent, 1).len(), 1);
    }
}
