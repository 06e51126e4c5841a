//! The parts of a question that asks for several things: "Who founded the firm and when did it move
//! to Bonn?"
//!
//! A question is taken apart where a word that asks stands behind "and" or after a question mark,
//! and what stands before it asks by itself and says what for. "When and where was she born?" is
//! one question, and so is "Who is the man who built it and who sold it?", whose second "who" is no
//! question word.
//!
//! A part with a pronoun in the place of a name ("when did it move") is asked with the names of the
//! parts before it, so that it is not answered by a sentence about something else.

use std::ops::Range;

use cairn_search::Language;

use super::named::names_in;
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

/// Words that stand for what was named before. Other languages have genders and other places for
/// them.
const PRONOUNS: [&str; 11] =
    ["it", "its", "they", "them", "their", "he", "him", "his", "she", "her", "there"];
/// Those that may stand before what belongs to it.
const OWNERS: [&str; 4] = ["its", "their", "his", "her"];
/// Words beside "there" with which it stands for no place: "is there a tower?"
const THERE: [&str; 10] =
    ["is", "are", "was", "were", "be", "been", "has", "have", "will", "exist"];
/// Names that a pronoun may stand for, at most: the last ones.
const NAMES: usize = 3;

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

/// A part with the names of what was asked `before` in the place of its pronoun; nothing where it
/// has none, or nothing was named.
pub(crate) fn named(language: Language, part: &str, before: &str) -> Option<String> {
    let words = placed(part);
    let (at, word) = pronoun(&words)?;
    let names = names_in(language, before);
    let last = names.get(names.len().saturating_sub(NAMES)..).filter(|names| !names.is_empty())?;
    let end = word.start + word.written.trim_end_matches(|c: char| !c.is_alphanumeric()).len();
    let (front, behind) = (part.get(..word.start)?, part.get(end..)?);
    let owns = OWNERS.contains(&word.lower.as_str()) && at + 1 < words.len();
    let (joint, mark) = match (word.lower.as_str(), owns) {
        ("there", _) => ("in ", ""),
        (_, true) => ("", "'s"),
        (_, false) => ("", ""),
    };
    Some(format!("{front}{joint}{}{mark}{behind}", last.join(" ")))
}

/// Whether a part has a pronoun that stands for what was named before it.
pub(crate) fn has_pronoun(part: &str) -> bool {
    pronoun(&placed(part)).is_some()
}

/// The first word that stands for what was named before.
fn pronoun<'w, 't>(words: &'w [Word<'t>]) -> Option<(usize, &'w Word<'t>)> {
    let beside = |at: usize| [at.checked_sub(1), Some(at + 1)].into_iter().flatten();
    let exists =
        |at: &usize| words.get(*at).is_some_and(|word| THERE.contains(&word.lower.as_str()));
    let stands = |(at, word): &(usize, &Word<'_>)| {
        PRONOUNS.contains(&word.lower.as_str())
            && (word.lower != "there" || !beside(*at).any(|at| exists(&at)))
    };
    words.iter().enumerate().find(stands)
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
    fn a_pronoun_gives_way_to_the_names_before_it() {
        let bakery = "Who founded the bakery at Cape Orrin and ";
        for (before, part, expected) in [
            (bakery, "when did it move to Bonn?", "when did Cape Orrin move to Bonn?"),
            ("Who is Ada Lind and ", "when did she leave?", "when did Ada Lind leave?"),
            ("Who is Ada Lind and ", "who succeeded her?", "who succeeded Ada Lind?"),
            (
                "When was Orrin Lamps founded? ",
                "Who are its owners?",
                "Who are Orrin Lamps's owners?",
            ),
            (
                "Who owns Orrin Lamps and ",
                "where is their office?",
                "where is Orrin Lamps's office?",
            ),
            ("Where is Bonn and ", "who lives there?", "who lives in Bonn?"),
            (
                "Who built Orrin Hall for Ada Lind in Bonn and ",
                "how old is it?",
                "how old is Orrin Hall Ada Lind Bonn?",
            ),
        ] {
            let found = named(Language::English, part, before);
            assert_eq!(found.as_deref().unwrap_or_default(), expected, "{part}");
        }
    }

    #[test]
    fn a_part_that_names_its_subject_stays() {
        let before = "Who founded the bakery at Cape Orrin and ";
        for part in ["when does the pool open?", "is there a pool?", "how many keys are there?"] {
            assert_eq!(named(Language::English, part, before), None, "{part}");
            assert!(!has_pronoun(part), "{part}");
        }
        assert_eq!(
            named(Language::English, "when did it move?", "Who founded the firm and "),
            None
        );
        assert!(has_pronoun("when did it move?"));
        // German writes all nouns like names.
        let before = "Wer gründete die Firma Lind und ";
        assert_eq!(named(Language::German, "wann zog sie um?", before), None);
    }

    #[test]
    fn what_comes_behind_the_most_parts_stays_with_the_last() {
        let many =
            "Who built it? When was it built? Why was it sold? What did it cost? Who paid it?";
        let found = split(many);
        assert_eq!((found.len(), found[3]), (MOST, "What did it cost? Who paid it?"));
    }
}
