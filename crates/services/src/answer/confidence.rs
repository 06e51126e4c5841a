//! How sure it is that the documents answer a question.
//!
//! A small model answers from memory when its sources are silent, so whether the documents
//! can answer is decided before it is asked.
//!
//! Three signs, each of which knows what the others miss: the cosine of the closest passage
//! (its subject), the share of the question's words, the rare ones first, in one passage
//! (its names and numbers), and the nearness of the closest passage to the question token by
//! token (every word of it, in meaning). Their weights are those of a logistic regression;
//! `bench/peers/confidence.py` makes it again. It was fitted to questions that people asked a
//! search engine, on paragraphs that answer them and stores that do not hold those, and
//! never to SQuAD, on which it is measured.

use std::collections::HashSet;

use cairn_search::Analyzer;

use super::reading::Reading;
use super::subject::{Subject, terms};
use crate::retrieve::Passage;

/// Passages that are looked at.
const DEPTH: usize = 5;

/// The regression: a constant and the weight of each sign.
const CONSTANT: f32 = -9.0;
const DENSE: f32 = 6.0;
const COVERAGE: f32 = 3.0;
const NEARNESS: f32 = 8.0;

/// How sure it is that the passages answer the question, and the signs of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    /// Cosine of the closest passage.
    pub dense: f32,
    /// Largest share of the question's content words in one passage, rare ones weighing more.
    pub coverage: f32,
    /// How near the closest passage comes to the question token by token, −1 to 1.
    pub nearness: f32,
    /// Below this score the answer is that the documents do not say.
    pub threshold: f32,
}

impl Default for Confidence {
    /// No sign of an answer at all, and the threshold of a store that has learned no other.
    fn default() -> Self {
        Self { dense: 0.0, coverage: 0.0, nearness: 0.0, threshold: Self::THRESHOLD }
    }
}

impl Confidence {
    /// The threshold of a store that has learned no other.
    pub const THRESHOLD: f32 = 0.5;

    /// Looks at the best passages.
    pub(crate) fn of(
        analyzer: &Analyzer,
        subject: &Subject,
        passages: &[Passage],
        reading: &Reading,
    ) -> Self {
        let nearness = reading.nearness;
        let mut confidence = Self { nearness, ..Self::default() };
        for passage in passages.iter().take(DEPTH) {
            confidence.coverage =
                confidence.coverage.max(subject.coverage(&said(analyzer, passage)));
            confidence.dense = confidence.dense.max(passage.dense.unwrap_or(0.0));
        }
        confidence
    }

    /// From 0 to 1.
    pub fn score(&self) -> f32 {
        let sum =
            CONSTANT + DENSE * self.dense + COVERAGE * self.coverage + NEARNESS * self.nearness;
        1.0 / (1.0 + (-sum).exp())
    }

    /// Whether an answer should be tried.
    pub fn suffices(&self) -> bool {
        self.score() >= self.threshold
    }
}

/// The content words of a passage and of the headings above it.
fn said(analyzer: &Analyzer, passage: &Passage) -> HashSet<String> {
    let mut said = terms(analyzer, &passage.chunk.text);
    for heading in &passage.headings {
        said.extend(analyzer.terms(heading));
    }
    said
}

/// Which of the wordings of a question, each with what it asks about, the passages answer
/// best by their words and subjects.
pub(crate) fn clearest<'w>(
    analyzer: &Analyzer,
    wordings: &'w [(String, Subject)],
    passages: &[Passage],
) -> Option<&'w (String, Subject)> {
    let said: Vec<HashSet<String>> =
        passages.iter().take(DEPTH).map(|passage| said(analyzer, passage)).collect();
    let score = |(_, subject): &(String, Subject)| {
        said.iter().map(|said| subject.coverage(said)).fold(0.0, f32::max)
    };
    let mut scored = wordings.iter().map(|wording| (score(wording), wording));
    let first = scored.next()?;
    Some(scored.fold(first, |best, next| if next.0 > best.0 { next } else { best }).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(dense: f32, coverage: f32, nearness: f32) -> Confidence {
        Confidence { dense, coverage, nearness, ..Confidence::default() }
    }

    #[test]
    fn near_and_covered_suffices_and_far_and_uncovered_does_not() {
        assert!(of(0.65, 0.9, 0.75).suffices());
        assert!(!of(0.2, 0.3, 0.4).suffices());
        assert!(!Confidence::default().suffices());
    }

    #[test]
    fn every_sign_counts_and_the_score_is_a_share() {
        let middle = of(0.4, 0.5, 0.55);
        for more in [of(0.5, 0.5, 0.55), of(0.4, 0.6, 0.55), of(0.4, 0.5, 0.65)] {
            assert!(more.score() > middle.score());
        }
        assert!(of(-1.0, 0.0, -1.0).score() >= 0.0 && of(1.0, 1.0, 1.0).score() <= 1.0);
    }

    #[test]
    fn a_store_may_have_its_own_threshold() {
        let sure = of(0.65, 0.9, 0.75);
        assert!(!Confidence { threshold: 1.1, ..sure }.suffices());
        assert!(Confidence { threshold: 0.0, ..Confidence::default() }.suffices());
    }
}
