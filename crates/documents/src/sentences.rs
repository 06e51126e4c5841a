//! Where sentences begin and end.

mod abbreviations;
mod ordinals;

#[cfg(test)]
mod tests;

use std::ops::Range;

/// What ends a sentence where white space follows.
const TERMINATORS: [char; 4] = ['.', '!', '?', '\u{2026}'];

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
        // How far the text is looked through.
        let mut passed = after;
        let end = match c {
            '\n' if breaks_at(text, start, after) => Some(at),
            _ if TERMINATORS.contains(&c) => {
                // All terminators of a run have the same end, so none is looked at twice.
                let end = closers(text, after);
                passed = end;
                let ends = ends_sentence(text, start, at, c, end)
                    || last_terminator(text, after..end)
                        .is_some_and(|(at, c)| ends_sentence(text, start, at, c, end));
                ends.then_some(end)
            }
            '\u{3002}' | '\u{ff01}' | '\u{ff1f}' => Some(closers(text, after)),
            _ => None,
        };
        if let Some(end) = end {
            push(text, start..end, &mut found);
            start = end;
            passed = passed.max(end);
        }
        while chars.next_if(|&(at, _)| at < passed).is_some() {}
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

/// The last terminator in `run`, with its place: in `(et al.).` that behind the bracket.
fn last_terminator(text: &str, run: Range<usize>) -> Option<(usize, char)> {
    let mut chars = text.get(run.clone())?.char_indices();
    let (at, c) = chars.rfind(|(_, c)| TERMINATORS.contains(c))?;
    Some((run.start + at, c))
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
    let numbered = is_numbered(line) && !before.ends_with(',') && !ordinals::goes_on(before, line);
    row(line) || row(last_line) || bullet || numbered
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
    !is_part_of_word(text.get(start..at).unwrap_or_default(), following)
}

/// Whether the period after `before` belongs to the word that it follows and not to the sentence.
fn is_part_of_word(before: &str, following: &str) -> bool {
    let word = before
        .rsplit(|c: char| c.is_whitespace() || "([\"'\u{201c}\u{201e}\u{ab}".contains(c))
        .next()
        .unwrap_or_default();
    let rest = before.strip_suffix(word).unwrap_or_default();
    let mut letters = word.chars();
    let initial = matches!((letters.next(), letters.next()), (Some(c), None) if c.is_uppercase());
    let number = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit() || c == '.');
    // What opens its line and counts is a list marker; a number in the running text is not.
    let marker = (number || is_enumerator(word)) && rest.trim_start().is_empty();
    initial
        || marker
        || abbreviations::is_abbreviation(rest, word, following)
        || ordinals::is_ordinal(rest, word, following)
}
