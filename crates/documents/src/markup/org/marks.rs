//! Marks within a line: `*bold*`, `=code=`, `[[target][words]]`, `[fn:1]`.

use crate::markup::latex;

/// Signs that stand around marked words.
const SIGNS: &str = "*/_=~+";

/// Marks within marks are read to this depth.
const DEPTH_MAX: usize = 10;
/// Signs that are tried as the end of marked words.
const ENDS_MAX: usize = 50;

/// The line without its marks. A footnote within it is given to `note`, which gives its mark.
pub(super) fn read(line: &str, note: &mut dyn FnMut(&str) -> String) -> String {
    within(line, note, 0)
}

fn within(line: &str, note: &mut dyn FnMut(&str) -> String, depth: usize) -> String {
    if depth > DEPTH_MAX {
        return line.to_owned();
    }
    let mut out = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some((words, after)) = link(rest) {
            out += &within(words, note, depth + 1);
            rest = after;
            continue;
        }
        if let Some((formula, after)) = formula(rest) {
            out += &formula;
            rest = after;
            continue;
        }
        if let Some((mark, after)) = footnote(rest, note) {
            out += &mark;
            rest = after;
            continue;
        }
        if let Some((words, after)) = marked(rest, out.chars().next_back()) {
            // Code has no marks within it.
            if "=~".contains(c) {
                out += words;
            } else {
                out += &within(words, note, depth + 1);
            }
            rest = after;
            continue;
        }
        out.push(c);
        rest = rest.get(c.len_utf8()..).unwrap_or_default();
    }
    out
}

/// A formula: `\(x\)` or `\[x\]`.
fn formula(text: &str) -> Option<(String, &str)> {
    let (inner, after) = match text.strip_prefix("\\(") {
        Some(inner) => inner.split_once("\\)")?,
        None => text.strip_prefix("\\[")?.split_once("\\]")?,
    };
    Some((latex::formula(inner).replace('\n', "; "), after))
}

/// The words of a link, or else its target.
fn link(text: &str) -> Option<(&str, &str)> {
    let (inner, after) = text.strip_prefix("[[")?.split_once("]]")?;
    let words = match inner.split_once("][") {
        Some((_, words)) => words,
        None => inner.strip_prefix("file:").unwrap_or(inner),
    };
    Some((words, after))
}

fn footnote<'t>(text: &'t str, note: &mut dyn FnMut(&str) -> String) -> Option<(String, &'t str)> {
    let (inner, after) = text.strip_prefix("[fn:")?.split_once(']')?;
    match inner.split_once(':') {
        Some((_, words)) => Some((note(words.trim()), after)),
        None => Some((format!("[{inner}]"), after)),
    }
}

/// Words between two signs: before the first and behind the last no letter or digit stands, and
/// within them no white space at the ends.
fn marked(text: &str, before: Option<char>) -> Option<(&str, &str)> {
    let sign = text.chars().next().filter(|c| SIGNS.contains(*c))?;
    if before.is_some_and(|c| !c.is_whitespace() && !"-({'\"\u{201c}\u{2018}".contains(c)) {
        return None;
    }
    let inner = text.get(1..)?;
    if inner.starts_with(|c: char| c.is_whitespace()) {
        return None;
    }
    let ends = inner.match_indices(sign).map(|(at, _)| at).filter(|at| *at > 0).take(ENDS_MAX);
    for at in ends {
        let (words, after) = (inner.get(..at)?, inner.get(at + 1..)?);
        let closes = !words.ends_with(|c: char| c.is_whitespace())
            && after
                .chars()
                .next()
                .is_none_or(|c| c.is_whitespace() || "-.,;:!?'\")}[]\u{201d}\u{2019}".contains(c));
        if closes {
            return Some((words, after));
        }
    }
    None
}
