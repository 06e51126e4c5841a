//! Marks within a line, and the names that the whole file gives to texts and addresses.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};

use crate::markup::latex;

/// Names that are kept.
const NAMES_MAX: usize = 10_000;
/// Signs that are tried as the end of marked words.
const ENDS_MAX: usize = 50;
/// Bytes that the names of a file may be written out to; further ones stay as they are.
const WRITTEN_OUT_BYTES_MAX: usize = 16 << 20;

/// What the file defines for use in its lines.
#[derive(Debug, Default)]
pub(super) struct Marks {
    /// `.. |name| replace:: text`
    texts: HashMap<String, String>,
    /// `.. _name: address`
    targets: HashSet<String>,
    /// Footnotes that are counted: those referred to, and those read.
    referred: Cell<usize>,
    noted: Cell<usize>,
    written_out: Cell<usize>,
}

impl Marks {
    pub(super) fn of(lines: &[&str]) -> Self {
        let mut marks = Self::default();
        for line in lines.iter().map(|line| line.trim_start()) {
            let Some(text) = line.strip_prefix(".. ").map(str::trim_start) else { continue };
            if let Some((name, text)) = text.strip_prefix('|').and_then(|text| text.split_once('|'))
            {
                let text = text.trim_start().strip_prefix("replace::").unwrap_or_default().trim();
                if marks.texts.len() < NAMES_MAX {
                    marks.texts.insert(name.to_owned(), text.to_owned());
                }
            } else if let Some((name, _)) =
                text.strip_prefix('_').and_then(|text| text.split_once(':'))
                && marks.targets.len() < NAMES_MAX
            {
                marks.targets.insert(name.trim_matches('`').to_lowercase());
            }
        }
        marks
    }

    /// The mark of a footnote; one that has only `#` is counted.
    pub(super) fn noted(&self, mark: &str) -> String {
        if mark == "#" {
            self.noted.set(self.noted.get() + 1);
            return self.noted.get().to_string();
        }
        mark.trim_start_matches('#').to_owned()
    }

    /// A reference to a footnote that is counted or has a name.
    fn footnote<'t>(&self, text: &'t str) -> Option<(String, &'t str)> {
        let (name, after) = text.strip_prefix("[#")?.split_once("]_")?;
        if name.is_empty() {
            self.referred.set(self.referred.get() + 1);
            return Some((format!("[{}]", self.referred.get()), after));
        }
        (!name.contains([' ', ']'])).then(|| (format!("[{name}]"), after))
    }

    /// The line without its marks.
    pub(super) fn read(&self, line: &str) -> String {
        let mut out = String::with_capacity(line.len());
        let mut rest = line;
        // Behind white space that a backslash takes away marks begin as behind a space.
        let mut parted = false;
        while let Some(c) = rest.chars().next() {
            let before = out.chars().next_back().filter(|_| !std::mem::take(&mut parted));
            let apart = before
                .is_none_or(|c| c.is_whitespace() || "-:/'\"<([{\u{2013}\u{201c}".contains(c));
            let found = match c {
                '\\' => {
                    parted =
                        rest.get(1..).is_some_and(|rest| rest.starts_with(char::is_whitespace));
                    escaped(rest)
                }
                '[' => self.footnote(rest),
                '`' if rest.starts_with("``") => literal(rest),
                '`' if apart => interpreted(rest, ""),
                ':' if apart => role(rest),
                '*' if apart => strong(rest),
                '|' if apart => self.substitution(rest),
                '_' => self.reference(rest, &out),
                _ => None,
            };
            match found {
                Some((text, after)) => {
                    out += &text;
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

    fn substitution<'t>(&self, text: &'t str) -> Option<(String, &'t str)> {
        let (name, after) = text.strip_prefix('|')?.split_once('|')?;
        let known = self.texts.get(name)?;
        let written_out = self.written_out.get() + known.len();
        if written_out > WRITTEN_OUT_BYTES_MAX {
            return None;
        }
        self.written_out.set(written_out);
        Some((known.clone(), after.trim_start_matches('_')))
    }

    /// `name_` and `[1]_` refer to what the file defines.
    fn reference<'t>(&self, text: &'t str, before: &str) -> Option<(String, &'t str)> {
        if text.starts_with("___") {
            return None;
        }
        let after = text.trim_start_matches('_');
        if after.starts_with(|c: char| c.is_alphanumeric()) {
            return None;
        }
        let start = before.rfind(|c: char| !c.is_alphanumeric() && !"-.+".contains(c));
        let word = before.get(start.map_or(0, |at| at + 1)..).unwrap_or(before);
        let known = before.ends_with(']') || self.targets.contains(&word.to_lowercase());
        known.then(|| (String::new(), after))
    }
}

fn escaped(text: &str) -> Option<(String, &str)> {
    let after = text.strip_prefix('\\')?;
    let c = after.chars().next()?;
    let shown = if c.is_whitespace() { String::new() } else { c.to_string() };
    Some((shown, after.get(c.len_utf8()..)?))
}

fn literal(text: &str) -> Option<(String, &str)> {
    let (inner, after) = text.strip_prefix("``")?.split_once("``")?;
    Some((inner.to_owned(), after))
}

/// `:role:` before words in backquotes.
fn role(text: &str) -> Option<(String, &str)> {
    let (name, after) = text.strip_prefix(':')?.split_once(":`")?;
    let known =
        !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "-_:+.".contains(c));
    let quoted = text.get(text.len() - after.len() - 1..)?;
    if known { interpreted(quoted, name) } else { None }
}

/// Words in backquotes, with the address or role they have.
fn interpreted<'t>(text: &'t str, role: &str) -> Option<(String, &'t str)> {
    let (inner, after) = text.strip_prefix('`')?.split_once('`')?;
    if inner.is_empty() {
        return None;
    }
    let mut after = after.trim_start_matches('_');
    // A role may also stand behind them.
    if role.is_empty()
        && let Some((name, more)) = after.strip_prefix(':').and_then(|after| after.split_once(':'))
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
    {
        after = more;
    }
    if role == "math" {
        return Some((latex::formula(inner).replace('\n', "; "), after));
    }
    let words = match inner.rsplit_once('<') {
        Some((words, address)) if address.ends_with('>') && !words.trim().is_empty() => {
            words.trim_end()
        }
        Some(("", address)) => address.trim_end_matches('>'),
        _ => inner,
    };
    let words = match words.strip_prefix('~').filter(|_| !role.is_empty()) {
        Some(path) => path.rsplit('.').next().unwrap_or(path),
        None if role.is_empty() => words,
        None => words.trim_start_matches('!'),
    };
    Some((words.replace('\\', ""), after))
}

/// Words between stars, one or two.
fn strong(text: &str) -> Option<(String, &str)> {
    let sign = if text.starts_with("**") { "**" } else { "*" };
    let inner = text.strip_prefix(sign)?;
    if inner.starts_with(|c: char| c.is_whitespace()) {
        return None;
    }
    for (at, _) in inner.match_indices(sign).filter(|(at, _)| *at > 0).take(ENDS_MAX) {
        let (words, after) = (inner.get(..at)?, inner.get(at + sign.len()..)?);
        let next = after.chars().next();
        let closes = !words.ends_with(|c: char| c.is_whitespace() || c == '\\')
            && next.is_none_or(|c| !c.is_alphanumeric() && c != '*');
        if closes {
            return Some((words.to_owned(), after));
        }
    }
    None
}
