//! Where sentences begin and end.

use std::ops::Range;

/// Words that end in a period without ending a sentence.
const ABBREVIATIONS: [&str; 92] = [
    "e.g", "i.e", "cf", "vs", "viz", "ca", "approx", "resp", "incl", "excl", "esp", "dr", "mr",
    "mrs", "ms", "prof", "st", "mt", "rev", "hon", "gen", "col", "capt", "lt", "sgt", "sr", "jr",
    "messrs", "fig", "figs", "eq", "eqs", "sec", "secs", "ch", "chap", "vol", "vols", "pp", "art",
    "no", "nos", "ref", "refs", "ed", "eds", "trans", "dept", "univ", "assn", "est", "min", "max",
    "avg", "jan", "feb", "mar", "apr", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
    "u.s", "u.k", "a.m", "p.m", "ph.d", "z.b", "d.h", "u.a", "bzw", "vgl", "nr", "abs", "ggf",
    "evtl", "bspw", "sog", "inkl", "exkl", "hrsg", "jh", "str", "tel", "op", "ibid", "al", "def",
];

/// Abbreviations that may well end a sentence: they do before a capital.
const CLOSING: [&str; 8] = ["etc", "inc", "ltd", "co", "corp", "usw", "bros", "a.m"];

/// Abbreviations that stand before a number only.
const BEFORE_NUMBERS: [&str; 10] =
    ["no", "nos", "fig", "figs", "art", "op", "min", "max", "sec", "mar"];

/// The sentences of `text` in order, as **byte** ranges without surrounding
/// white space. Every other character lies in exactly one sentence.
///
/// Blank lines, list items and table rows end a sentence; single line breaks do not.
pub fn sentences(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = 0;
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let after = at + c.len_utf8();
        let end = match c {
            '\n' if breaks_at(text, start, after) => Some(at),
            '.' | '!' | '?' | '\u{2026}' => {
                let end = closers(text, after);
                ends_sentence(text, start, at, c, end).then_some(end)
            }
            '\u{3002}' | '\u{ff01}' | '\u{ff1f}' => Some(closers(text, after)),
            _ => None,
        };
        if let Some(end) = end {
            push(text, start..end, &mut found);
            start = end;
            while chars.next_if(|&(at, _)| at < end).is_some() {}
        }
    }
    push(text, start..text.len(), &mut found);
    found
}

fn push(text: &str, range: Range<usize>, found: &mut Vec<Range<usize>>) {
    let piece = text.get(range.clone()).unwrap_or_default();
    let trimmed = piece.trim();
    if !trimmed.is_empty() {
        let start = range.start + (piece.len() - piece.trim_start().len());
        found.push(start..start + trimmed.len());
    }
}

/// The end of the quotes and brackets that follow a terminator, and of further terminators.
fn closers(text: &str, from: usize) -> usize {
    let rest = text.get(from..).unwrap_or_default();
    let closing =
        |c: char| ".!?\u{2026})]}\"'\u{201d}\u{2019}\u{bb}\u{300d}\u{300f}\u{ff09}".contains(c);
    from + rest.find(|c| !closing(c)).unwrap_or(rest.len())
}

/// Whether the line break before `after` parts two sentences by itself.
fn breaks_at(text: &str, start: usize, after: usize) -> bool {
    let rest = text.get(after..).unwrap_or_default();
    let line = rest.split('\n').next().unwrap_or_default().trim_start();
    if line.is_empty() {
        return true;
    }
    let before = text.get(start..after).unwrap_or_default().trim_end();
    let last_line = before.rsplit('\n').next().unwrap_or_default();
    let row = |line: &str| line.starts_with("| ");
    let bullet = ["- ", "* ", "\u{2022}", "+ "].iter().any(|mark| line.starts_with(mark));
    row(line) || row(last_line) || bullet || (is_numbered(line) && !before.ends_with(','))
}

/// Whether a line starts like `1. `, `12) `, `4.2 The`, `(b) ` or `iv. `.
fn is_numbered(line: &str) -> bool {
    let Some((marker, rest)) = line.split_once(' ') else { return false };
    if let Some(inner) = marker.strip_prefix('(').and_then(|inner| inner.strip_suffix(')')) {
        return is_enumerator(inner);
    }
    if let Some(inner) = marker.strip_suffix(')') {
        return is_enumerator(inner);
    }
    match marker.strip_suffix('.') {
        // A capital alone may be somebody's initial.
        Some(inner) => {
            is_enumerator(inner) && !(inner.len() == 1 && inner.starts_with(char::is_uppercase))
        }
        // Without a mark it may be a number in a sentence.
        None => marker.contains('.') && is_clause(marker) && rest.starts_with(char::is_uppercase),
    }
}

/// Whether a list may count with this: 12, 4.2, b, iv.
fn is_enumerator(word: &str) -> bool {
    let mut letters = word.chars();
    let letter = letters.next().is_some_and(char::is_alphabetic) && letters.next().is_none();
    let of = |digits: &str| word.chars().all(|c| digits.contains(c));
    let roman = (1..=5).contains(&word.len()) && (of("ivx") || of("IVX"));
    letter || roman || is_clause(word)
}

/// Whether this is the number of a clause: 4, 4.2, 4.2.11.
fn is_clause(word: &str) -> bool {
    let number = |part: &str| {
        (1..=3).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    word.split('.').all(number)
}

/// Whether the terminator `c` at `at`, with closers up to `end`, ends the sentence.
fn ends_sentence(text: &str, start: usize, at: usize, c: char, end: usize) -> bool {
    let rest = text.get(end..).unwrap_or_default();
    let Some(next) = rest.chars().next() else { return true };
    if !next.is_whitespace() {
        return false;
    }
    let following =
        rest.trim_start().trim_start_matches(['"', '(', '[', '\u{201c}', '\u{2018}', '\'']);
    let Some(first) = following.chars().next() else { return true };
    if first.is_lowercase() {
        return false;
    }
    if c != '.'
        || end > at + 1 && text.get(at + 1..end).is_some_and(|closed| closed.contains(['!', '?']))
    {
        return true;
    }
    !is_abbreviation(text.get(start..at).unwrap_or_default(), first)
}

/// Whether the period after `before` belongs to the word it follows.
fn is_abbreviation(before: &str, next: char) -> bool {
    let word = before
        .rsplit(|c: char| c.is_whitespace() || "([\"'\u{201c}".contains(c))
        .next()
        .unwrap_or_default();
    let lower = word.to_lowercase();
    if CLOSING.contains(&lower.as_str()) {
        return !next.is_uppercase();
    }
    if BEFORE_NUMBERS.contains(&lower.as_str()) {
        return next.is_ascii_digit();
    }
    let mut letters = word.chars();
    let initial = matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase());
    let number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    // What opens its line and counts is a list marker; a number in the running text is not.
    let marker = (number || is_enumerator(word)) && before.trim_start().len() == word.len();
    initial || marker || ABBREVIATIONS.contains(&lower.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<&str> {
        sentences(text).into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn abbreviations_and_numbers_do_not_end_a_sentence() {
        let text = "Dr. Smith uses v1.2, e.g. 3.14 cm vs. Prof. Lee's 2.0. It works! \u{201c}Really?\u{201d} he \
                    asked. See Fig. 3 and No. 7. J. Doe agreed, etc. Then they left at 5 p.m. in May. The end";
        assert_eq!(
            split(text),
            [
                "Dr. Smith uses v1.2, e.g. 3.14 cm vs. Prof. Lee's 2.0.",
                "It works!",
                "\u{201c}Really?\u{201d} he asked.",
                "See Fig. 3 and No. 7.",
                "J. Doe agreed, etc.",
                "Then they left at 5 p.m. in May.",
                "The end",
            ]
        );
        assert_eq!(split("He said no. She left."), ["He said no.", "She left."]);
        assert_eq!(
            split("Use foo.bar() now. Done (really.) Yes."),
            ["Use foo.bar() now.", "Done (really.)", "Yes."]
        );
    }

    #[test]
    fn structure_ends_sentences_and_soft_breaks_do_not() {
        let text = "A title\n\nOne line\nand the next. Two\n\n- first item\n- second\n1. third\n| a | b |\n| c | d |";
        assert_eq!(
            split(text),
            [
                "A title",
                "One line\nand the next.",
                "Two",
                "- first item",
                "- second",
                "1. third",
                "| a | b |",
                "| c | d |"
            ]
        );
    }

    #[test]
    fn clauses_of_a_list_are_sentences_with_their_markers() {
        let text =
            "4.1 The first\n4.2 The second\n(a) red\n(b) green\niv. Done here. Yes.\nb) last";
        assert_eq!(
            split(text),
            [
                "4.1 The first",
                "4.2 The second",
                "(a) red",
                "(b) green",
                "iv. Done here.",
                "Yes.",
                "b) last"
            ]
        );
        assert_eq!(
            split("It rose by\n4.2 percent in\n(all) years"),
            ["It rose by\n4.2 percent in\n(all) years"]
        );
    }

    #[test]
    fn other_scripts_end_without_a_space() {
        assert_eq!(split("これは文です。次の文！終わり"), ["これは文です。", "次の文！", "終わり"]);
        assert_eq!(
            split("Das gilt z.B. bzw. d.h. immer. Ende."),
            ["Das gilt z.B. bzw. d.h. immer.", "Ende."]
        );
    }

    proptest! {
        #[test]
        fn every_visible_char_is_in_exactly_one_sentence(text in "([a-zA-Z0-9.!? \n\"'é。-]|\\PC){0,200}") {
            let mut at = 0;
            for range in sentences(&text) {
                prop_assert!(range.start >= at && range.end > range.start);
                prop_assert!(text[at..range.start].trim().is_empty());
                prop_assert_eq!(text[range.clone()].trim(), &text[range.clone()]);
                at = range.end;
            }
            prop_assert!(text[at..].trim().is_empty());
        }
    }
}
