//! How sure it is that the documents answer a question.
//!
//! A small model answers from memory when its sources are silent, so whether the documents
//! can answer is decided before it is asked.
//!
//! The decision rests on how near the best passages come to the question token by token
//! (every word of it, in meaning), on the share of the question's words in one passage, and on
//! the number of chunks: among many, some come near to any question by chance. The weights
//! are those of a logistic regression, which `bench/peers/confidence.py` makes again. It was
//! fitted to questions that people asked a search engine and paragraphs of encyclopaedia that
//! answer them (QED, of Natural Questions), a sixth of these behind their title, in stores of
//! 1 to 1,300 paragraphs that hold the right one or do not: there the area under the ROC
//! curve is 0.98, cross-validated.
//!
//! The cosine of the closest passage adds nothing to these, and is told beside them.
//!
//! The embedding model knows English. Texts in other languages of Latin script are near to
//! each other whatever they say, so they are judged as if in a store of many chunks; of
//! other scripts it knows little but the letters, and there the words alone decide.

use std::collections::HashSet;

use cairn_search::{Analyzer, Language};

use super::reading::Reading;
use crate::answer::question::subject::{Subject, terms};
use crate::retrieve::Passage;

/// Passages that are looked at.
const DEPTH: usize = 5;

/// The regression: a constant, the weight of nearness, the share of that which coverage has
/// (fixed, as coverage gains on some texts what it loses on others), and the weight of the
/// logarithm of the number of chunks.
const CONSTANT: f32 = -8.06;
const NEARNESS: f32 = 19.0;
const COVERAGE: f32 = 0.1;
const CHUNKS: f32 = -0.63;
/// As many chunks as the largest store had that it was fitted to.
const MOST_CHUNKS: u64 = 1300;
/// For how many chunks other languages of Latin script are judged, at least.
const FOREIGN_CHUNKS: u64 = 300;
/// Where coverage decides alone: how steeply, and the share of words that is even odds.
const STEEPNESS: f32 = 10.0;
const EVEN: f32 = 0.5;

/// How sure it is that the passages answer the question, and the signs of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    /// Cosine of the closest passage.
    pub dense: f32,
    /// Largest share of the question's content words in one passage, rare ones weighing more.
    pub coverage: f32,
    /// How near the closest passage comes to the question token by token, −1 to 1.
    pub nearness: f32,
    /// What they come to, 0 to 1: about the probability that an answer is there.
    pub score: f32,
    /// Below this score the answer is that the documents do not say.
    pub threshold: f32,
    /// How likely a local model finds the answer in what it is shown, 0 to 1, where it was
    /// asked.
    pub assent: Option<f32>,
}

impl Default for Confidence {
    /// No sign of an answer at all, and the threshold of a store that has no other.
    fn default() -> Self {
        Self {
            dense: 0.0,
            coverage: 0.0,
            nearness: -1.0,
            score: 0.0,
            threshold: Self::THRESHOLD,
            assent: None,
        }
    }
}

impl Confidence {
    /// The threshold of a store that has learned no other: to refuse what could be answered
    /// is taken to cost twice as much as to try what cannot.
    pub const THRESHOLD: f32 = 1.0 / 3.0;

    /// Looks at the best passages of stores with so many chunks.
    pub(crate) fn of(
        analyzer: &Analyzer,
        (question, subject): (&str, &Subject),
        passages: &[Passage],
        reading: &Reading,
        chunks: u64,
    ) -> Self {
        let nearness = reading.nearness;
        let mut confidence = Self { nearness, ..Self::default() };
        for passage in passages.iter().take(DEPTH) {
            let coverage = subject.coverage(&said(analyzer, passage));
            confidence.coverage = confidence.coverage.max(coverage);
            confidence.dense = confidence.dense.max(passage.dense.unwrap_or(0.0));
        }
        let known = Known::of(analyzer.language(), question);
        confidence.score = score(known, confidence.coverage, nearness, chunks);
        confidence
    }

    /// From 0 to 1.
    pub fn score(&self) -> f32 {
        self.score
    }

    /// Whether an answer should be tried.
    pub fn suffices(&self) -> bool {
        self.score >= self.threshold
    }
}

/// How well the embedding model knows what it reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    /// English.
    Well,
    /// Another language, by words of Latin script.
    Partly,
    /// Hardly more than its letters.
    Barely,
}

impl Known {
    fn of(language: Language, question: &str) -> Self {
        let letters = question.chars().filter(|c| c.is_alphabetic());
        let (all, latin) = letters.fold((0_usize, 0_usize), |(all, latin), c| {
            (all + 1, latin + usize::from(c < '\u{250}'))
        });
        match language {
            _ if latin * 2 < all => Self::Barely,
            Language::English => Self::Well,
            _ => Self::Partly,
        }
    }
}

fn score(known: Known, coverage: f32, nearness: f32, chunks: u64) -> f32 {
    let fewest = match known {
        Known::Well => 1,
        Known::Partly => FOREIGN_CHUNKS,
        Known::Barely => return logistic(STEEPNESS * (coverage - EVEN)),
    };
    let chunks = chunks.clamp(fewest, MOST_CHUNKS) as f32;
    logistic(CONSTANT + NEARNESS * (nearness + COVERAGE * coverage) + CHUNKS * chunks.ln())
}

fn logistic(sum: f32) -> f32 {
    1.0 / (1.0 + (-sum).exp())
}

/// The content words of a passage, of the headings above it and of what its document is called.
pub(super) fn said(analyzer: &Analyzer, passage: &Passage) -> HashSet<String> {
    let mut said = terms(analyzer, &passage.chunk.text);
    said.extend(terms(analyzer, &passage.chunk.label));
    for heading in &passage.headings {
        said.extend(analyzer.terms(heading));
    }
    said
}

/// Which of the wordings of a question, each with what it asks about, the passages cover
/// best.
pub(crate) fn clearest<'w>(
    analyzer: &Analyzer,
    wordings: &'w [(String, Subject)],
    passages: &[Passage],
) -> Option<&'w (String, Subject)> {
    let said: Vec<HashSet<String>> =
        passages.iter().take(DEPTH).map(|passage| said(analyzer, passage)).collect();
    let covered = |(_, subject): &(String, Subject)| {
        said.iter().map(|said| subject.coverage(said)).fold(0.0, f32::max)
    };
    let mut scored = wordings.iter().map(|wording| (covered(wording), wording));
    let first = scored.next()?;
    Some(scored.fold(first, |best, next| if next.0 > best.0 { next } else { best }).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEAST: f32 = Confidence::THRESHOLD;

    #[test]
    fn near_and_covered_suffices_and_far_and_uncovered_does_not() {
        for chunks in [1, 300, 100_000] {
            assert!(score(Known::Well, 0.9, 0.75, chunks) > LEAST, "{chunks}");
            assert!(score(Known::Well, 0.1, 0.3, chunks) < LEAST, "{chunks}");
        }
        assert!(!Confidence::default().suffices());
        assert!(score(Known::Well, 0.0, -1.0, 0) < 0.01);
    }

    #[test]
    fn every_sign_counts() {
        let middle = score(Known::Well, 0.5, 0.5, 100);
        assert!(score(Known::Well, 0.6, 0.5, 100) > middle);
        assert!(score(Known::Well, 0.5, 0.6, 100) > middle);
        assert!(score(Known::Well, 0.5, 0.5, 1000) < middle);
    }

    /// Measured nearness of questions in German and Russian to passages that answer them, and
    /// of questions to passages on other things.
    #[test]
    fn a_language_that_the_model_does_not_know_is_judged_more_strictly() {
        assert!(score(Known::Partly, 0.7, 0.68, 4) > LEAST);
        assert!(score(Known::Partly, 0.0, 0.46, 4) < LEAST);
        assert!(score(Known::Barely, 0.8, 0.79, 4) > LEAST);
        assert!(score(Known::Barely, 0.1, 0.78, 4) < LEAST);
    }

    #[test]
    fn what_is_known_is_told_from_language_and_letters() {
        for (language, question, known) in [
            (Language::English, "How high is it?", Known::Well),
            (Language::German, "Wie hoch ist es?", Known::Partly),
            (Language::Other, "Jak wysoka jest wie\u{17c}a?", Known::Partly),
            (Language::Russian, "Какова высота башни?", Known::Barely),
            (Language::English, "塔の高さは？", Known::Barely),
            (Language::English, "1974?", Known::Well),
        ] {
            assert_eq!(Known::of(language, question), known, "{question}");
        }
    }

    #[test]
    fn a_store_may_have_its_own_threshold() {
        let sure = Confidence { score: 0.6, ..Confidence::default() };
        assert!(sure.suffices() && !Confidence { threshold: 0.7, ..sure }.suffices());
    }
}
