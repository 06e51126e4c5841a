//! Which sentences of a passage say something by themselves, and which belong together.
//!
//! Whatever stands between two ends counts as a sentence: a row of a table, an item of a list, but
//! also a title, the row that names a table's columns, and "Yes.". Those say nothing by themselves.

use std::ops::Range;

use super::columns;
use crate::retrieve::Passage;

/// From so many bytes on a text is more than a label.
const LONG: usize = 25;
/// Characters of a script without spaces that a sentence has, at least.
const CHARACTERS: usize = 4;

/// Whether the sentence at `range` says something.
pub(crate) fn says_something(passage: &Passage, range: &Range<usize>) -> bool {
    let text = passage.chunk.text.get(range.clone()).unwrap_or_default().trim();
    if is_row(text) {
        return text.contains(char::is_alphanumeric) && !columns::is_header(&passage.chunk, range);
    }
    if let Some(item) = bulleted(text) {
        return Words::of(item).letters > 0;
    }
    let title = passage.headings.iter().any(|heading| heading.trim() == text);
    !title && (text.len() >= LONG || is_short_statement(numbered(text).unwrap_or(text)))
}

/// Whether a short text is a sentence, or a value with its label ("Fee: 5 euros").
fn is_short_statement(text: &str) -> bool {
    let words = Words::of(text);
    let ended = text.trim_end_matches(|c: char| "\"')]}\u{201d}\u{bb}".contains(c));
    let ended = ended.ends_with(['.', '!', '\u{2026}', '\u{3002}', '\u{ff01}']);
    let filled = |text: &str| text.contains(char::is_alphanumeric);
    let labelled = text.split_once(": ").is_some_and(|(one, two)| filled(one) && filled(two));
    labelled || (ended && (words.letters > 1 || words.unspaced >= CHARACTERS))
}

/// What a text is made of.
struct Words {
    /// Words of two letters or more.
    letters: usize,
    /// Characters of scripts that are written without spaces.
    unspaced: usize,
}

impl Words {
    fn of(text: &str) -> Self {
        let words = text.split(|c: char| !c.is_alphanumeric());
        let is_word = |word: &&str| word.chars().filter(|c| c.is_alphabetic()).count() > 1;
        let unspaced = text.chars().filter(|&c| c >= '\u{2e80}' && c.is_alphabetic()).count();
        Self { letters: words.filter(is_word).count(), unspaced }
    }
}

/// Whether a line is a row of a table.
pub(crate) fn is_row(line: &str) -> bool {
    line.trim_start().starts_with("| ")
}

/// Whether a line is an item of a list.
fn is_item(line: &str) -> bool {
    bulleted(line).is_some() || numbered(line).is_some()
}

fn bulleted(line: &str) -> Option<&str> {
    ["- ", "* ", "+ ", "\u{2022}"].iter().find_map(|mark| line.strip_prefix(mark))
}

/// What stands behind "3. ", "b) " or "(iv) ".
fn numbered(line: &str) -> Option<&str> {
    let (mark, rest) = line.split_once(' ')?;
    let inner = mark.strip_suffix([')', '.'])?.trim_start_matches('(');
    let counts = inner.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
        || inner.len() == 1
        || inner.bytes().all(|byte| b"ivx".contains(&byte));
    (!inner.is_empty() && counts).then_some(rest)
}

/// Whether two neighbouring sentences of `text` belong to one paragraph, so that the second may say
/// more of what the first is about. Rows, items of a list and lines by themselves do not.
pub(crate) fn are_joined(text: &str, one: &Range<usize>, other: &Range<usize>) -> bool {
    let of = |range: Range<usize>| text.get(range).unwrap_or_default();
    let between = of(one.end..other.start);
    if !between.trim().is_empty() {
        return false;
    }
    let breaks = between.matches('\n').count();
    if breaks == 0 {
        return true;
    }
    let (first, second) = (of(one.clone()), of(other.clone()));
    let ended = first.ends_with(|c: char| !c.is_alphanumeric() && !",;:|".contains(c));
    let own_line = |range: &Range<usize>| {
        let begins = of(0..range.start).trim_end_matches([' ', '\t']);
        let ends = of(range.end..text.len()).trim_start_matches([' ', '\t', '\r']);
        let alone = (begins.is_empty() || begins.ends_with('\n'))
            && (ends.is_empty() || ends.starts_with('\n'));
        alone && !of(range.clone()).contains('\n')
    };
    let structured = is_row(first) || is_row(second) || is_item(second);
    let lines = own_line(one) && own_line(other);
    breaks == 1 && ended && !structured && !lines
}

#[cfg(test)]
pub(crate) mod tests {
    use cairn_store::records::ChunkRow;

    use super::*;

    /// A passage that is the beginning of its file.
    pub(crate) fn passage(text: &str) -> Passage {
        let chunk = ChunkRow {
            seq: 1,
            id: "chunk_1".into(),
            file_id: "file-1".into(),
            filename: "a.txt".into(),
            attributes: "{}".into(),
            revision: 1,
            ordinal: 0,
            text: text.into(),
            heading: "[]".into(),
            page: None,
            char_start: 0,
            char_end: 1,
            tokens: 1,
            context: String::new(),
            label: String::new(),
            match_start: None,
            match_end: None,
            text_version: 0,
        };
        Passage {
            chunk,
            headings: Vec::new(),
            attributes: serde_json::Value::Null,
            score: 1.0,
            dense: None,
            bm25: None,
            explain: crate::retrieve::Explain::default(),
            hits: Vec::new(),
        }
    }

    /// The sentences of a text that say something.
    fn said(passage: &Passage) -> Vec<&str> {
        let text = &passage.chunk.text;
        let ranges = cairn_documents::sentences(text).into_iter();
        ranges.filter(|range| says_something(passage, range)).map(|range| &text[range]).collect()
    }

    #[test]
    fn short_sentences_rows_and_items_say_something() {
        let pool = passage("The pool opens at nine. Yes. Why not? The entrance fee is five euros.");
        assert_eq!(said(&pool), ["The pool opens at nine.", "The entrance fee is five euros."]);
        let table =
            passage("| part | price | stock |\n| fan | 120 | 4 |\n| compressor | 890 | 1 |");
        assert_eq!(said(&table), ["| fan | 120 | 4 |", "| compressor | 890 | 1 |"]);
        let list = passage("Numbers\n\n- Doctor: 4471\n- Janitor and caretaker of the hall: 5520");
        assert_eq!(said(&list), ["- Doctor: 4471", "- Janitor and caretaker of the hall: 5520"]);
        let notes = passage("Fee: 5 euros\n\nChapter 4\n\n1. Scope\n\n2. Dogs are forbidden.");
        assert_eq!(said(&notes), ["Fee: 5 euros", "2. Dogs are forbidden."]);
        assert_eq!(said(&passage("図書館\n\n月曜は休みです。")), ["月曜は休みです。"]);
    }

    #[test]
    fn a_long_title_is_no_statement() {
        let mut titled =
            passage("Rules for the keeping of dogs\n\nThe dog tax is 96 euros a year.");
        assert_eq!(said(&titled).len(), 2, "nobody knows that it is one");
        titled.headings.push("Rules for the keeping of dogs".to_owned());
        assert_eq!(said(&titled), ["The dog tax is 96 euros a year."]);
    }

    /// Whether each sentence of a text belongs to the next one.
    fn joined(text: &str) -> Vec<bool> {
        let found = cairn_documents::sentences(text);
        found.windows(2).map(|pair| are_joined(text, &pair[0], &pair[1])).collect()
    }

    #[test]
    fn sentences_of_a_paragraph_belong_together_and_rows_items_and_paragraphs_do_not() {
        assert_eq!(joined("It is tall. It was\nbuilt in 1874. It\nstands."), [true, true]);
        assert_eq!(joined("It is tall and\nold. The lamp turns\nat night."), [true]);
        assert_eq!(joined("It is tall.\n\nIt is old."), [false]);
        assert_eq!(joined("| a | 1 |\n| b | 2 |"), [false]);
        assert_eq!(joined("- One is here. It stands.\n- Two is there."), [true, false]);
        assert_eq!(joined("Anna earns 10 euros.\nBob earns 20 euros."), [false]);
    }
}
