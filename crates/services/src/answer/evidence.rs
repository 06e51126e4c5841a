//! Does a passage say it? Overlap of content words, the cheap half of the question.
//!
//! A small model answers from memory when its sources are silent, so whether the
//! documents can answer is decided here, before it is asked, and whether a
//! sentence is supported is decided here after it wrote.

use std::collections::HashSet;
use std::ops::Range;

use cairn_search::Analyzer;

use crate::retrieve::Passage;

/// Words of a question that ask, and say nothing of what is asked about.
const ASKING: [&str; 24] = [
    "what", "how", "mani", "much", "doe", "do", "did", "when", "where", "who", "whom", "why",
    "which", "whose", "tell", "explain", "describ", "mean", "document", "accord", "say", "pleas",
    "can", "should",
];

/// Whether a term asks, and says nothing of what is asked about.
pub(crate) fn is_asking(term: &str) -> bool {
    ASKING.contains(&term)
}

/// The content words of `text`, stemmed, each once.
pub(crate) fn terms(analyzer: &Analyzer, text: &str) -> HashSet<String> {
    analyzer.terms(text).into_iter().collect()
}

/// The content words of a question: what a passage must be about.
pub(crate) fn subject(analyzer: &Analyzer, question: &str) -> HashSet<String> {
    let mut found = terms(analyzer, question);
    let all = found.clone();
    found.retain(|term| !ASKING.contains(&term.as_str()));
    if found.is_empty() { all } else { found }
}

/// Share of `wanted` that `present` has; 0 when nothing is wanted.
pub(crate) fn coverage(wanted: &HashSet<String>, present: &HashSet<String>) -> f32 {
    if wanted.is_empty() {
        return 0.0;
    }
    let weigh = |term: &&String| if term.chars().any(|c| c.is_ascii_digit()) { 2.0 } else { 1.0 };
    let total: f32 = wanted.iter().map(|term| weigh(&term)).sum();
    let hit: f32 =
        wanted.iter().filter(|term| present.contains(*term)).map(|term| weigh(&term)).sum();
    hit / total
}

/// How sure it is that the passages answer the question, and the two signs of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Confidence {
    /// Cosine of the closest passage.
    pub dense: f32,
    /// Largest share of the question's content words in one passage.
    pub coverage: f32,
}

impl Confidence {
    /// Below this the answer is that the documents do not say. Both signs
    /// weigh the same and the line is a first guess; it is not fitted to any data yet.
    const THRESHOLD: f32 = 0.50;

    /// Looks at the best passages.
    pub(crate) fn of(analyzer: &Analyzer, question: &str, passages: &[Passage]) -> Self {
        let wanted = subject(analyzer, question);
        let mut confidence = Self { dense: 0.0, coverage: 0.0 };
        for passage in passages.iter().take(5) {
            let place = passage.headings.join(" ");
            let present = terms(analyzer, &format!("{place} {}", passage.chunk.text));
            confidence.coverage = confidence.coverage.max(coverage(&wanted, &present));
            confidence.dense = confidence.dense.max(passage.dense.unwrap_or(0.0));
        }
        confidence
    }

    /// From 0 to 1.
    pub fn score(&self) -> f32 {
        let dense = ((self.dense - 0.15) / 0.55).clamp(0.0, 1.0);
        0.5 * dense + 0.5 * self.coverage
    }

    /// Whether an answer should be tried.
    pub fn suffices(&self) -> bool {
        self.score() >= Self::THRESHOLD
    }
}

/// Which of the wordings of a question the passages answer best.
pub(crate) fn clearest<'w>(
    analyzer: &Analyzer,
    wordings: &'w [String],
    passages: &[Passage],
) -> Option<&'w str> {
    let score = |wording: &str| Confidence::of(analyzer, wording, passages).score();
    let mut scored = wordings.iter().map(|wording| (score(wording), wording.as_str()));
    let first = scored.next()?;
    let best = scored.fold(first, |best, next| if next.0 > best.0 { next } else { best });
    Some(best.1)
}

/// Puts the passages first that say most of what is asked in two neighbouring
/// sentences: a long passage may be near the question as a whole and not answer it.
/// A passage's score becomes the mean of its fused score and that share.
pub(crate) fn rerank(analyzer: &Analyzer, question: &str, passages: &mut [Passage]) {
    let wanted = subject(analyzer, question);
    let sources = Sources::new(analyzer, passages);
    for (passage, windows) in passages.iter_mut().zip(&sources.passages) {
        let share =
            windows.iter().map(|(_, present)| coverage(&wanted, present)).fold(0.0, f32::max);
        passage.score = f32::midpoint(passage.score, share);
        passage.explain.coverage = Some(share);
    }
    passages.sort_by(|a, b| b.score.total_cmp(&a.score));
}

/// Where in a passage a sentence is supported.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Support {
    /// Index of the passage.
    pub passage: usize,
    /// Byte range of the quote in the passage's text.
    pub quote: Range<usize>,
    /// Share of the sentence's content words found in the quote.
    pub share: f32,
}

/// From here on a sentence counts as supported.
pub(crate) const SUPPORTED: f32 = 0.5;
/// Below this a passage is not worth quoting for a sentence.
pub(crate) const QUOTABLE: f32 = 0.3;
/// What a source named by the writer is worth when passages are compared.
const NAMED: f32 = 0.15;

/// Passages prepared for looking sentences up in.
pub(crate) struct Sources {
    passages: Vec<Vec<(Range<usize>, HashSet<String>)>>,
}

impl Sources {
    pub(crate) fn new(analyzer: &Analyzer, passages: &[Passage]) -> Self {
        let windows = |passage: &Passage| {
            let text = &passage.chunk.text;
            let sentences: Vec<(Range<usize>, HashSet<String>)> = cairn_documents::sentences(text)
                .into_iter()
                .map(|range| (range.clone(), terms(analyzer, &text[range])))
                .collect();
            let pairs = sentences.windows(2).map(|pair| {
                let range = pair[0].0.start..pair[1].0.end;
                (range, pair[0].1.union(&pair[1].1).cloned().collect())
            });
            let pairs: Vec<_> = pairs.collect();
            sentences.into_iter().chain(pairs).collect()
        };
        Self { passages: passages.iter().map(windows).collect() }
    }

    /// The best quote for `sentence`; passages in `named` (by index) are preferred.
    pub(crate) fn support(
        &self,
        analyzer: &Analyzer,
        sentence: &str,
        named: &[usize],
    ) -> Option<Support> {
        let wanted = terms(analyzer, sentence);
        let mut best: Option<(f32, Support)> = None;
        for (index, windows) in self.passages.iter().enumerate() {
            let bonus = if named.contains(&index) { NAMED } else { 0.0 };
            for (range, present) in windows {
                let share = coverage(&wanted, present);
                // Of equal support the shorter quote and the better passage win.
                let length = (range.end - range.start) as f32 / 100_000.0;
                let rank = share + bonus - length - index as f32 / 1000.0;
                if share >= QUOTABLE && best.as_ref().is_none_or(|(held, _)| rank > *held) {
                    let support = Support { passage: index, quote: range.clone(), share };
                    best = Some((rank, support));
                }
            }
        }
        best.map(|(_, support)| support)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(words: &[&str]) -> HashSet<String> {
        words.iter().map(|word| (*word).to_owned()).collect()
    }

    #[test]
    fn a_missing_number_weighs_more_than_a_missing_word() {
        let present = set(&["tower", "meter"]);
        let number = coverage(&set(&["tower", "meter", "828"]), &present);
        let word = coverage(&set(&["tower", "meter", "tall"]), &present);
        assert!(number < word);
        assert!((coverage(&present, &present) - 1.0).abs() < f32::EPSILON);
    }

    #[test]
    fn near_and_covered_suffices_and_far_and_uncovered_does_not() {
        assert!(Confidence { dense: 0.6, coverage: 0.8 }.suffices());
        assert!(!Confidence { dense: 0.2, coverage: 0.3 }.suffices());
    }
}
