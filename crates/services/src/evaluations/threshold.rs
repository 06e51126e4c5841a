//! The threshold that suits a store, learned from questions with and without an answer.
//!
//! Of all thresholds between the scores, the one with the best refusal F1 is taken among those
//! that refuse no more than [`REFUSED_MOST`] of the answerable questions. How good that choice
//! is cannot be read off the questions it was made on: they are divided into halves, each is
//! judged by the threshold of the other, and the choice is kept only where its F1 is above that
//! of the program's own threshold with the whole 95 % interval of the difference.

use super::bootstrap::{Draws, Random};
use super::metrics::Refusals;
use super::summary::RESAMPLES;
use crate::answer::Confidence;
use crate::rankings::{ThresholdChoice, ThresholdQuality};

/// With fewer questions of either kind nothing is learned: the choice would be chance.
pub const FEWEST: usize = 20;
/// Most of the answerable questions that a learned threshold may refuse.
pub const REFUSED_MOST: f64 = 0.1;

/// A question with how sure the answer is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// The confidence, 0 to 1.
    pub score: f32,
    /// Whether the documents answer it.
    pub answerable: bool,
}

/// What was learned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LearnedThreshold {
    /// The threshold to use.
    pub threshold: f32,
    /// How it was chosen.
    pub choice: ThresholdChoice,
    /// How it compares.
    pub quality: ThresholdQuality,
}

/// Finds the threshold for a store with these questions; the seed decides the halves and the
/// interval. Pure, and takes milliseconds for hundreds of questions.
pub fn learn(scored: &[Scored], seed: u64) -> LearnedThreshold {
    let halves = halves(scored, seed);
    let of_half = |half: bool| {
        let picked = scored.iter().zip(&halves).filter(|(_, held)| **held == half);
        best(&picked.map(|(one, _)| *one).collect::<Vec<_>>())
    };
    let (first, second) = (of_half(false), of_half(true));
    // Each question by the threshold of the half that it is not in.
    let decided = |one: &Scored, half: bool| one.score < if half { first } else { second };
    let learned: Vec<(bool, bool)> = scored
        .iter()
        .zip(&halves)
        .map(|(one, half)| (one.answerable, decided(one, *half)))
        .collect();
    let default: Vec<(bool, bool)> =
        scored.iter().map(|one| (one.answerable, one.score < Confidence::THRESHOLD)).collect();
    let draws = Draws::new(scored.len(), RESAMPLES, seed);
    let difference = |rows: &[usize]| Some(f1(&learned, rows)? - f1(&default, rows)?);
    let (low, high) = draws.interval(difference).unwrap_or((0.0, 0.0));
    let all: Vec<usize> = (0..scored.len()).collect();
    let quality = ThresholdQuality {
        answerable: scored.iter().filter(|one| one.answerable).count(),
        unanswerable: scored.iter().filter(|one| !one.answerable).count(),
        learned: f1(&learned, &all).unwrap_or(0.0),
        default: f1(&default, &all).unwrap_or(0.0),
        low,
        high,
        refused: refused(&learned),
        refused_by_default: refused(&default),
    };
    let enough = quality.answerable >= FEWEST && quality.unanswerable >= FEWEST;
    let harmless = quality.refused <= REFUSED_MOST.max(quality.refused_by_default);
    if enough && harmless && quality.low > 0.0 {
        let (threshold, choice) = (best(scored), ThresholdChoice::Learned);
        return LearnedThreshold { threshold, choice, quality };
    }
    LearnedThreshold { threshold: Confidence::THRESHOLD, choice: ThresholdChoice::Default, quality }
}

/// Which half each question is in: both have as many of either kind, give or take one.
fn halves(scored: &[Scored], seed: u64) -> Vec<bool> {
    let mut order: Vec<usize> = (0..scored.len()).collect();
    Random::new(seed).shuffle(&mut order);
    let mut halves = vec![false; scored.len()];
    let mut next = [false, true];
    for at in order {
        let (Some(one), Some(half)) = (scored.get(at), halves.get_mut(at)) else { continue };
        let [unanswerable, answerable] = &mut next;
        let turn = if one.answerable { answerable } else { unanswerable };
        *half = *turn;
        *turn = !*turn;
    }
    halves
}

/// The threshold with the best refusal F1 among those that refuse few enough answerable
/// questions; of equals the nearest to the program's own.
fn best(scored: &[Scored]) -> f32 {
    let mut scores: Vec<f32> = scored.iter().map(|one| one.score).collect();
    scores.sort_by(f32::total_cmp);
    scores.dedup();
    let between =
        scores.windows(2).filter_map(|pair| Some(f32::midpoint(*pair.first()?, *pair.get(1)?)));
    let all: Vec<usize> = (0..scored.len()).collect();
    let mut held = (f64::NEG_INFINITY, Confidence::THRESHOLD);
    for threshold in std::iter::once(Confidence::THRESHOLD).chain(between) {
        let decisions: Vec<(bool, bool)> =
            scored.iter().map(|one| (one.answerable, one.score < threshold)).collect();
        if refused(&decisions) > REFUSED_MOST {
            continue;
        }
        let found = f1(&decisions, &all).unwrap_or(0.0);
        let away = |threshold: f32| (threshold - Confidence::THRESHOLD).abs();
        if found > held.0 || (found >= held.0 && away(threshold) < away(held.1)) {
            held = (found, threshold);
        }
    }
    held.1
}

/// F1 of the refusals over some questions, which may be drawn several times.
fn f1(decisions: &[(bool, bool)], rows: &[usize]) -> Option<f64> {
    Refusals::count(rows.iter().filter_map(|row| decisions.get(*row).copied())).f1()
}

/// Share of the answerable questions that are refused; 0 without such questions.
#[expect(clippy::cast_precision_loss, reason = "counts of questions")]
fn refused(decisions: &[(bool, bool)]) -> f64 {
    let answerable = decisions.iter().filter(|(answerable, _)| *answerable).count();
    let wrong = decisions.iter().filter(|decision| **decision == (true, true)).count();
    wrong as f64 / answerable.max(1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` questions of either kind, with scores spread over these ranges.
    fn questions(count: usize, unanswerable: (f32, f32), answerable: (f32, f32)) -> Vec<Scored> {
        let spread = |(low, high): (f32, f32), at: usize| {
            low + (high - low) * (at as f32 + 0.5) / count as f32
        };
        let of = |range, answerable| {
            (0..count).map(move |at| Scored { score: spread(range, at), answerable })
        };
        of(unanswerable, false).chain(of(answerable, true)).collect()
    }

    #[test]
    fn a_store_whose_scores_lie_high_gets_a_higher_threshold() {
        // Every question passes the program's own threshold; 0.6 tells them apart.
        let learned = learn(&questions(40, (0.4, 0.58), (0.62, 0.99)), 1);
        assert_eq!(learned.choice, ThresholdChoice::Learned);
        assert!((0.55..0.65).contains(&learned.threshold), "{learned:?}");
        let quality = learned.quality;
        assert!(
            quality.learned > 0.9 && quality.default == 0.0 && quality.low > 0.5,
            "{quality:?}"
        );
        assert_eq!((quality.answerable, quality.unanswerable), (40, 40));
    }

    #[test]
    fn a_store_whose_scores_lie_low_gets_a_lower_threshold() {
        // The program's own refuses half of what can be answered.
        let learned = learn(&questions(60, (0.0, 0.1), (0.15, 0.5)), 3);
        assert_eq!(learned.choice, ThresholdChoice::Learned, "{learned:?}");
        assert!((0.1..0.2).contains(&learned.threshold), "{learned:?}");
        assert!(learned.quality.refused < learned.quality.refused_by_default);
    }

    #[test]
    fn nothing_is_changed_without_a_sure_gain() {
        // The program's own is right already.
        let right = learn(&questions(40, (0.0, 0.3), (0.4, 0.9)), 1);
        assert_eq!(
            (right.threshold, right.choice),
            (Confidence::THRESHOLD, ThresholdChoice::Default)
        );
        assert_eq!((right.quality.default, right.quality.low), (1.0, 0.0));
        // The scores say nothing.
        let mut blind = questions(40, (0.5, 0.5), (0.5, 0.5));
        assert_eq!(learn(&blind, 1).choice, ThresholdChoice::Default);
        // One question alone is wrong: to have it right may be chance.
        blind = questions(40, (0.0, 0.3), (0.4, 0.9));
        blind[0].score = 0.36;
        let odd = learn(&blind, 1);
        assert!(odd.quality.default < 1.0, "{odd:?}");
        assert_eq!(odd.choice, ThresholdChoice::Default, "{odd:?}");
        // Too few.
        let few = learn(&questions(FEWEST - 1, (0.4, 0.58), (0.62, 0.99)), 1);
        assert_eq!(few.choice, ThresholdChoice::Default);
        assert_eq!(learn(&[], 1).threshold, Confidence::THRESHOLD);
    }

    #[test]
    fn no_more_than_a_tenth_of_what_can_be_answered_is_refused() {
        // A higher threshold would have a better F1.
        let mut scored = questions(100, (0.4, 0.8), (0.7, 0.9));
        scored.extend((0..20).map(|_| Scored { score: 0.45, answerable: true }));
        let threshold = best(&scored);
        let decisions: Vec<(bool, bool)> =
            scored.iter().map(|one| (one.answerable, one.score < threshold)).collect();
        assert!(refused(&decisions) <= REFUSED_MOST, "{threshold}");
    }

    #[test]
    fn halves_have_both_kinds_and_the_seed_decides() {
        let scored = questions(21, (0.0, 0.5), (0.5, 1.0));
        let of = |seed| halves(&scored, seed);
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
        for kind in [false, true] {
            let count =
                scored.iter().zip(of(5)).filter(|(one, half)| one.answerable == kind && *half);
            assert!((10..=11).contains(&count.count()));
        }
        assert_eq!(learn(&scored, 4), learn(&scored, 4));
    }
}
