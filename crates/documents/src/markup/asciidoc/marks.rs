//! Marks within a line: `*bold*`, `link:a[words]`, `<<place,words>>`, `footnote:[text]`.

use std::cell::Cell;
use std::collections::HashMap;

use crate::write::numerals::superscript;

/// Attributes that are kept, and marks within marks that are read.
const NAMES_MAX: usize = 10_000;
const DEPTH_MAX: usize = 10;
/// Bytes that attributes of a file may be written out to; further ones stay as they are.
const WRITTEN_OUT_BYTES_MAX: usize = 16 << 20;
/// Signs that are tried as the end of marked words.
const ENDS_MAX: usize = 50;
/// Macros whose words stand in brackets.
const MACROS: [&str; 13] = [
    "link",
    "xref",
    "mailto",
    "kbd",
    "btn",
    "menu",
    "image",
    "icon",
    "pass",
    "stem",
    "latexmath",
    "indexterm2",
    "anchor",
];

/// What the file defines for use in its lines.
#[derive(Debug, Default)]
pub(super) struct Marks {
    attributes: HashMap<String, String>,
    written_out: Cell<usize>,
}

impl Marks {
    pub(super) fn define(&mut self, name: &str, value: &str) {
        if self.attributes.len() < NAMES_MAX {
            self.attributes.insert(name.to_owned(), value.to_owned());
        }
    }

    /// The line without its marks. A footnote within it is given to `note`, which gives its mark.
    pub(super) fn read(&self, line: &str, note: &mut dyn FnMut(&str) -> String) -> String {
        self.within(line, note, 0)
    }

    fn within(&self, line: &str, note: &mut dyn FnMut(&str) -> String, depth: usize) -> String {
        if depth > DEPTH_MAX {
            return line.to_owned();
        }
        let mut out = String::with_capacity(line.len());
        let mut rest = line;
        while let Some(c) = rest.chars().next() {
            let before = out.chars().next_back();
            if let Some((text, after)) = footnote(rest) {
                out +=
                    &note(&self.within(text, &mut |inner: &str| format!(" ({inner})"), depth + 1));
                rest = after;
                continue;
            }
            let found = match c {
                '`' => code(rest, before),
                '*' | '_' | '#' | '^' | '~' => marked(rest, before),
                '<' => reference(rest),
                '+' if before.is_none_or(|c| !c.is_alphanumeric()) => passed(rest),
                '[' if rest.starts_with("[[") => anchor(rest),
                '{' => self.attribute(rest),
                '\\' => rest
                    .get(1..)
                    .filter(|after| after.starts_with(|c: char| "*_`#{<[".contains(c)))
                    .and_then(|after| Some((after.get(..1)?, after.get(1..)?, false))),
                _ => None,
            };
            let found = found.or_else(|| {
                let word = before.is_none_or(|c| !c.is_alphanumeric());
                if word && c.is_ascii_alphabetic() {
                    named(rest).or_else(|| address(rest))
                } else {
                    None
                }
            });
            match found {
                Some((text, after, marks)) => {
                    // Behind a digit an exponent is no further digit of the number.
                    let signs: Option<String> = text.chars().map(superscript).collect();
                    let raised = c == '^' && before.is_some_and(char::is_numeric);
                    if let Some(signs) = signs.filter(|_| raised) {
                        out += &signs;
                        rest = after;
                        continue;
                    }
                    if marks {
                        out += &self.within(text, note, depth + 1);
                    } else {
                        out += text;
                    }
                    rest = after;
                }
                None => {
                    out.push(c);
                    rest = rest.get(c.len_utf8()..).unwrap_or_default();
                }
            }
        }
        out
    }

    fn attribute<'t>(&'t self, text: &'t str) -> Found<'t> {
        let (name, after) = text.strip_prefix('{')?.split_once('}')?;
        let value = match name {
            "nbsp" | "sp" => " ",
            "empty" | "blank" | "zwsp" => "",
            "vbar" => "|",
            "plus" => "+",
            _ => self.attributes.get(name)?.as_str(),
        };
        let written_out = self.written_out.get() + value.len();
        (written_out <= WRITTEN_OUT_BYTES_MAX).then(|| {
            self.written_out.set(written_out);
            (value, after, false)
        })
    }
}

/// What a mark shows, what follows it, and whether there may be marks within.
type Found<'t> = Option<(&'t str, &'t str, bool)>;

fn footnote(text: &str) -> Option<(&str, &str)> {
    let rest = text.strip_prefix("footnote:").or_else(|| text.strip_prefix("footnoteref:"))?;
    let (name, inner) = rest.split_once('[')?;
    if name.contains(' ') { None } else { inner.split_once(']') }
}

/// `++what stays as it is++`
fn passed(text: &str) -> Found<'_> {
    let sign = if text.starts_with("+++") { "+++" } else { "++" };
    let (inner, after) = text.strip_prefix(sign)?.split_once(sign)?;
    (!inner.is_empty() && !inner.starts_with(' ')).then_some((inner, after, false))
}

fn code(text: &str, before: Option<char>) -> Found<'_> {
    if let Some((inner, after)) = text.strip_prefix("``").and_then(|text| text.split_once("``")) {
        return Some((inner, after, false));
    }
    let (inner, after, _) = marked(text, before)?;
    let signed = |sign: &str| inner.strip_prefix(sign)?.strip_suffix(sign);
    let literal = signed("++").or_else(|| signed("+"));
    let inner = literal.unwrap_or(inner);
    Some((inner, after, false))
}

/// Words between two signs, or two of each.
fn marked(text: &str, before: Option<char>) -> Found<'_> {
    let sign = text.get(..1)?;
    let twice = text.get(..2).filter(|two| two.chars().all(|c| sign.starts_with(c)));
    if let Some(twice) = twice.filter(|_| !"^~".contains(sign)) {
        let (words, after) = text.strip_prefix(twice)?.split_once(twice)?;
        return (!words.is_empty() && !words.starts_with(' ')).then_some((words, after, true));
    }
    let inner = text.get(1..)?;
    let raised = "^~".contains(sign);
    let begins = before.is_none_or(|c| !c.is_alphanumeric() && c != '_') || raised;
    if !begins || inner.starts_with(|c: char| c.is_whitespace()) {
        return None;
    }
    for (at, _) in inner.match_indices(sign).filter(|(at, _)| *at > 0).take(ENDS_MAX) {
        let (words, after) = (inner.get(..at)?, inner.get(at + 1..)?);
        let spaced = words.ends_with(|c: char| c.is_whitespace());
        if raised && words.contains(' ') {
            return None;
        }
        if !spaced && (raised || !after.starts_with(|c: char| c.is_alphanumeric() || c == '_')) {
            return Some((words, after, true));
        }
    }
    None
}

/// `<<place,words>>`
fn reference(text: &str) -> Found<'_> {
    let (inner, after) = text.strip_prefix("<<")?.split_once(">>")?;
    let words = inner.split_once(',').map_or(inner, |(_, words)| words.trim());
    Some((words.trim_start_matches('#'), after, true))
}

fn anchor(text: &str) -> Found<'_> {
    let (_, after) = text.strip_prefix("[[")?.split_once("]]")?;
    Some(("", after, false))
}

/// `link:target[words]` and its like.
fn named(text: &str) -> Found<'_> {
    let begun = |name: &&'static str| Some((*name, text.strip_prefix(*name)?.strip_prefix(':')?));
    let (name, rest) = MACROS.iter().find_map(begun)?;
    let rest = rest.trim_start_matches(':');
    let (target, inner) = rest.split_once('[')?;
    let (words, after) = inner.split_once(']')?;
    if target.contains(' ') {
        return None;
    }
    let first = words.split(',').next().unwrap_or_default().trim_matches('"').trim_end_matches('^');
    let words = match name {
        "image" | "icon" if first.contains('=') => "",
        "image" | "icon" => first,
        "menu" if words.is_empty() => target,
        "link" | "xref" | "mailto" if words.is_empty() => target,
        "link" | "mailto" => words.trim_matches('"').trim_end_matches('^'),
        _ => words,
    };
    Some((words, after, !matches!(name, "pass" | "stem" | "latexmath")))
}

/// `https://a.b[words]`; an address without words stays.
fn address(text: &str) -> Found<'_> {
    let known = ["https://", "http://", "ftp://", "irc://"];
    known.iter().find(|scheme| text.starts_with(**scheme))?;
    let end = text.find(|c: char| c.is_whitespace() || "[]<>".contains(c)).unwrap_or(text.len());
    let (target, rest) = text.split_at_checked(end)?;
    let words = rest.strip_prefix('[').and_then(|rest| rest.split_once(']'));
    match words {
        Some((words, after)) if !words.trim().is_empty() => {
            let words = words.split(",window=").next().unwrap_or(words);
            Some((words.trim_matches('"').trim_end_matches('^'), after, true))
        }
        Some((_, after)) => Some((target, after, false)),
        None => Some((target, rest, false)),
    }
}

/// A line of code without the numbers that refer to what stands below: `ls <1>`.
pub(super) fn without_callouts(line: &str) -> &str {
    let cut = line.rfind(" <").filter(|at| {
        let mark = line.get(at + 2..).and_then(|mark| mark.strip_suffix('>'));
        mark.is_some_and(|mark| mark == "." || mark.parse::<u32>().is_ok())
    });
    cut.and_then(|at| line.get(..at)).map_or(line, str::trim_end)
}
