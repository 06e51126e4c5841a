//! What a question asks about, and how much each word of it says.

use std::collections::HashSet;

use cairn_search::{Analyzer, Frequencies};

/// Words of a question that ask, and say nothing of what is asked about.
const ASKING: [&str; 24] = [
    "what", "how", "mani", "much", "doe", "do", "did", "when", "where", "who", "whom", "why",
    "which", "whose", "tell", "explain", "describ", "mean", "document", "accord", "say", "pleas",
    "can", "should",
];

/// Chunks from which on the store's own counts weigh more than the assumption that all
/// words say the same: one chunk tells nothing of what is rare.
const TRUSTED_CHUNKS: f32 = 20.0;

/// Whether a term asks, and says nothing of what is asked about.
pub(crate) fn is_asking(term: &str) -> bool {
    ASKING.contains(&term)
}

/// The content words of `text`, stemmed, each once.
pub(crate) fn terms(analyzer: &Analyzer, text: &str) -> HashSet<String> {
    analyzer.terms(text).into_iter().collect()
}

/// The content words of a question, each with a weight: what a passage must be about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Subject {
    weights: Vec<(String, f32)>,
    total: f32,
    absent: f32,
}

impl Subject {
    /// All words weigh the same.
    pub(crate) fn plain(analyzer: &Analyzer, question: &str) -> Self {
        Self::weighed(analyzer, question, |_| 1.0)
    }

    /// Rare words weigh more: between the inverse document frequency, as a share of the
    /// greatest there can be, and 1, the nearer to the former the more chunks were counted.
    pub(crate) fn new(analyzer: &Analyzer, question: &str, held: &Frequencies) -> Self {
        let rarest = held.idf_of_none();
        let chunks = held.points as f32;
        let trust = chunks / (chunks + TRUSTED_CHUNKS);
        let mut subject = Self::weighed(analyzer, question, |term| {
            held.idf(term).map_or(1.0, |idf| trust * idf / rarest + (1.0 - trust))
        });
        let absent = |(term, _): &&(String, f32)| held.is_absent(term);
        let absent: f32 = subject.weights.iter().filter(absent).map(|(_, weight)| weight).sum();
        subject.absent = absent;
        subject
    }

    fn weighed(analyzer: &Analyzer, question: &str, weigh: impl Fn(&str) -> f32) -> Self {
        let all = analyzer.terms(question);
        let some = all.iter().any(|term| !is_asking(term));
        let mut seen = HashSet::new();
        let mut weights = Vec::new();
        for term in all {
            if (some && is_asking(&term)) || !seen.insert(term.clone()) {
                continue;
            }
            let weight = weigh(&term);
            weights.push((term, weight));
        }
        let total = weights.iter().map(|(_, weight)| weight).sum();
        Self { weights, total, absent: 0.0 }
    }

    /// How many words it has.
    pub(crate) fn len(&self) -> usize {
        self.weights.len()
    }

    /// Whether `term` is one of its words.
    pub(crate) fn has(&self, term: &str) -> bool {
        self.weights.iter().any(|(held, _)| held == term)
    }

    /// The weight of one of its words.
    pub(crate) fn weight(&self, term: &str) -> Option<f32> {
        self.weights.iter().find(|(held, _)| held == term).map(|(_, weight)| *weight)
    }

    /// Share of its weight that `present` has; 0 when it has no words.
    pub(crate) fn coverage(&self, present: &HashSet<String>) -> f32 {
        let there = self.weights.iter().filter(|(term, _)| present.contains(term));
        self.share(there.map(|(_, weight)| weight).sum())
    }

    /// Share of its weight in words that no chunk has.
    pub(crate) fn absent(&self) -> f32 {
        self.share(self.absent)
    }

    fn share(&self, weight: f32) -> f32 {
        if self.total > 0.0 { weight / self.total } else { 0.0 }
    }
}
