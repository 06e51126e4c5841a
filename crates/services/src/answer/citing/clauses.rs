//! The clauses of a sentence that can be supported each by itself: "A key costs 85 euros, and the
//! monthly rent is 4,200 euros." Only where it is sure that a clause has a subject of its own, for
//! "and works in Ghent" is about whoever was named before.

use std::ops::Range;

use cairn_search::{Analyzer, Language};

/// Content words of a clause, at least: fewer are an item of an enumeration.
const LEAST: usize = 3;

/// Words between clauses, and words that a subject begins with, in the language of a text.
fn words(language: Language) -> (&'static [&'static str], &'static [&'static str]) {
    match language {
        Language::English => (
            &["and", "but", "while", "whereas"],
            &["the", "a", "an", "each", "every", "this", "these", "all", "no"],
        ),
        Language::German => (
            &["und", "aber", "während", "sowie"],
            &["der", "die", "das", "ein", "eine", "jeder", "jede", "jedes", "dieser", "diese"],
        ),
        Language::French => (
            &["et", "mais", "tandis"],
            &["le", "la", "les", "l", "un", "une", "chaque", "ce", "cette", "ces", "que"],
        ),
        Language::Spanish => (
            &["y", "e", "pero", "mientras"],
            &["el", "la", "los", "las", "un", "una", "cada", "este", "esta", "que"],
        ),
        Language::Italian => (
            &["e", "ed", "ma", "mentre"],
            &["il", "lo", "la", "i", "gli", "le", "l", "un", "una", "ogni", "questo", "questa"],
        ),
        Language::Portuguese => (
            &["e", "mas", "enquanto"],
            &["o", "a", "os", "as", "um", "uma", "cada", "este", "esta"],
        ),
        Language::Dutch => {
            (&["en", "maar", "terwijl"], &["de", "het", "een", "elke", "deze", "dit"])
        }
        _ => (&[], &[]),
    }
}

/// The clauses of `sentence` as bytes, without the words between them; nothing where it is one.
pub(crate) fn clauses(analyzer: &Analyzer, sentence: &str) -> Vec<Range<usize>> {
    let (between, beginning) = words(analyzer.language());
    let full = |range: Range<usize>| {
        sentence.get(range).is_some_and(|text| analyzer.terms(text).len() >= LEAST)
    };
    let mut found = Vec::new();
    let mut start = 0;
    let words: Vec<(usize, &str)> = placed(sentence).collect();
    for pair in words.windows(2) {
        let &[(at, word), (next, subject)] = pair else { continue };
        // What the first word of a clause is told by.
        let begins = beginning.contains(&subject.to_lowercase().as_str());
        if between.contains(&word) && begins && full(start..at) && full(next..sentence.len()) {
            found.push(trimmed(sentence, start..at));
            start = next;
        }
    }
    if found.is_empty() {
        return found;
    }
    found.push(trimmed(sentence, start..sentence.len()));
    found
}

/// The words of a text with the bytes that they begin at.
fn placed(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut at = 0;
    text.split_inclusive(|c: char| !c.is_alphanumeric()).filter_map(move |piece| {
        let start = at;
        at += piece.len();
        let word = piece.trim_end_matches(|c: char| !c.is_alphanumeric());
        (!word.is_empty()).then_some((start, word))
    })
}

/// A range without the blanks and commas at its ends.
fn trimmed(text: &str, range: Range<usize>) -> Range<usize> {
    let piece = text.get(range.clone()).unwrap_or_default();
    let idle = |c: char| c.is_whitespace() || matches!(c, ',' | ';');
    let kept = piece.trim_end_matches(idle);
    range.start..range.start + kept.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(language: Language, sentence: &str) -> Vec<&str> {
        let analyzer = Analyzer::new(language);
        clauses(&analyzer, sentence).into_iter().map(|range| &sentence[range]).collect()
    }

    #[test]
    fn clauses_with_subjects_of_their_own_are_parted() {
        let both = "A lost key costs 85 euros, and the monthly rent is 4,200 euros.";
        assert_eq!(
            split(Language::English, both),
            ["A lost key costs 85 euros", "the monthly rent is 4,200 euros."]
        );
        let german = "Ein Schlüssel kostet 85 Euro und die monatliche Miete beträgt 4.200 Euro.";
        assert_eq!(
            split(Language::German, german),
            ["Ein Schlüssel kostet 85 Euro", "die monatliche Miete beträgt 4.200 Euro."]
        );
    }

    #[test]
    fn what_leans_on_the_first_clause_and_enumerations_stay_whole() {
        for sentence in [
            "Anna Berg earns 5,000 euros and works in Ghent as a clerk.",
            "The parts are the outdoor unit, the panel and the pump.",
            "The prize was won by Marie Curie and Albert Einstein in 1921.",
            "It opens at nine.",
            "",
        ] {
            assert!(split(Language::English, sentence).is_empty(), "{sentence}");
        }
    }
}
