//! The parts of a question that asks for several things: "Who founded the firm and when did it move
//! to Bonn?"
//!
//! A question is taken apart where a word that asks stands behind "and" or after a question mark,
//! and what stands before it asks by itself and says what for. "When and where was she born?" is
//! one question, and so is "Who is the man who built it and who sold it?", whose second "who" is no
//! question word.

use std::ops::Range;

use super::words;

/// Words between two questions.
const AND: [&str; 7] = ["and", "und", "et", "y", "e", "en", "sowie"];
/// Words before one that asks: "in which year".
const BEFORE: [&str; 17] = [
    "in", "on", "at", "by", "for", "from", "to", "with", "since", "until", "von", "seit", "bis",
    "mit", "für", "en", "de",
];
/// Words behind "when", "where", "why" and "how" that make them ask, and tell no time or place.
const INVERTED: [&str; 32] = [
    "is", "are", "was", "were", "do", "does", "did", "has", "have", "had", "can", "could", "may",
    "must", "should", "will", "would", "many", "much", "long", "old", "far", "often", "high",
    "large", "tall", "big", "deep", "wide", "heavy", "fast", "exactly",
];
/// English words that ask, and also tell of a time, a place or a way.
const TELLING: [&str; 4] = ["when", "where", "why", "how"];
/// Words of a part, at least.
const LEAST: usize = 3;

/// Parts of a question at most; what comes behind them stays with the last one.
const MOST: usize = 4;

/// The words of each part of `question`; nothing where it asks for one thing.
pub(crate) fn texts(question: &str) -> Vec<&str> {
    let parts = parts(question);
    if parts.len() < 2 {
        return Vec::new();
    }
    parts.into_iter().filter_map(|range| question.get(range)).collect()
}

/// The parts of `question` as bytes, without the words between them; one where it asks for one
/// thing.
pub(crate) fn parts(question: &str) -> Vec<Range<usize>> {
    let words = placed(question);
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut from = 0;
    for (at, word) in words.iter().enumerate().skip(1) {
        let joined = AND.contains(&word.lower.as_str());
        let ended = words.get(at - 1).is_some_and(|before| before.ends);
        let next = if joined { at + 1 } else { at };
        let splits = found.len() + 1 < MOST
            && (joined || ended)
            && asks_at(&words, next)
            && words.get(from..at).is_some_and(is_whole)
            && words.get(next..).is_some_and(|rest| rest.len() >= LEAST);
        if splits && next != from {
            found.push(range(&words, from, at));
            from = next;
        }
    }
    found.push(range(&words, from, words.len()));
    found
}

/// Whether these words are a question by themselves that has one word that asks, in front.
fn is_whole(words: &[Word<'_>]) -> bool {
    let asking = words.iter().filter(|word| word.asks()).count();
    words.len() >= LEAST && asking == 1 && begins(words)
}

/// Whether the first of these words asks, or the second behind a preposition.
fn begins(words: &[Word<'_>]) -> bool {
    match words {
        [word, ..] if word.asks() => true,
        [before, word, ..] => BEFORE.contains(&before.lower.as_str()) && word.asks(),
        _ => false,
    }
}

/// Whether a question begins at this word.
fn asks_at(words: &[Word<'_>], at: usize) -> bool {
    let Some(rest) = words.get(at..).filter(|rest| begins(rest)) else { return false };
    let telling = rest.first().is_some_and(|word| TELLING.contains(&word.lower.as_str()));
    let inverted = rest.get(1).is_some_and(|word| INVERTED.contains(&word.lower.as_str()));
    !telling || inverted
}

/// From the word `from` to the one before `to`, with the marks behind it but for commas.
fn range(words: &[Word<'_>], from: usize, to: usize) -> Range<usize> {
    let start = words.get(from).map_or(0, |word| word.start);
    let last = to.checked_sub(1).and_then(|last| words.get(last));
    let end = last.map_or(start, |word| {
        word.start + word.written.trim_end_matches([',', ';', ':', ' ']).len()
    });
    start..end.max(start)
}

/// A word of a question.
struct Word<'t> {
    /// The byte that it begins at.
    start: usize,
    /// As it is written, with the marks behind it.
    written: &'t str,
    lower: String,
    /// Whether a question ends behind it.
    ends: bool,
}

impl Word<'_> {
    /// Whether it asks; "was" would in German.
    fn asks(&self) -> bool {
        let word = self.lower.as_str();
        words::asks(word) || (words::asks_first(word) && word != "was")
    }
}

fn placed(question: &str) -> Vec<Word<'_>> {
    let base = question.as_ptr().addr();
    let word = |written| {
        let start = str::as_ptr(written).addr().saturating_sub(base);
        let lower = written.trim_matches(|c: char| !c.is_alphanumeric()).to_lowercase();
        Word { start, written, lower, ends: written.ends_with('?') }
    };
    question.split_whitespace().map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(question: &str) -> Vec<&str> {
        parts(question).into_iter().map(|range| &question[range]).collect()
    }

    #[test]
    fn questions_of_two_parts_are_taken_apart() {
        for (question, expected) in [
            (
                "Who founded the firm and when did it move to Bonn?",
                ["Who founded the firm", "when did it move to Bonn?"],
            ),
            (
                "Who founded the firm? When did it move?",
                ["Who founded the firm?", "When did it move?"],
            ),
            (
                "What is the fee, and in which year was it raised?",
                ["What is the fee", "in which year was it raised?"],
            ),
            (
                "Wer gründete die Firma und wann zog sie um?",
                ["Wer gründete die Firma", "wann zog sie um?"],
            ),
            (
                "Wie leidt het kantoor en hoeveel mensen werken er?",
                ["Wie leidt het kantoor", "hoeveel mensen werken er?"],
            ),
        ] {
            assert_eq!(split(question), expected, "{question}");
            assert_eq!(texts(question), expected);
        }
    }

    #[test]
    fn one_question_stays_whole() {
        for question in [
            "When and where was she born?",
            "Who is the man who built it and who sold it?",
            "What happens when the pump fails and when the belt tears?",
            "What are the rent and the deposit?",
            "Who lives here and how?",
            "Was it sold, and why?",
            "What was the revenue in 2021?",
            "",
        ] {
            assert_eq!(split(question), [question], "{question}");
            assert!(texts(question).is_empty());
        }
    }

    #[test]
    fn what_comes_behind_the_most_parts_stays_with_the_last() {
        let many =
            "Who built it? When was it built? Why was it sold? What did it cost? Who paid it?";
        let found = split(many);
        assert_eq!((found.len(), found[3]), (MOST, "What did it cost? Who paid it?"));
    }
}
