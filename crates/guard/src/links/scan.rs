//! What stands at the beginning of a text: a link or none.
//!
//! Every function here decides by the text alone. Where what is there could go on in two
//! ways it says [`Found::Wait`], and bounds look at the same number of bytes however many
//! are there, so that pieces change nothing.

use super::address::{Allowed, trimmed};
use super::{REMOVED, Stripped, strip, tag};

/// What was found.
#[derive(Debug)]
pub(super) enum Found {
    /// So many bytes are no link, or one that is allowed.
    Plain(usize),
    /// So many bytes are to be replaced by a text.
    Link { bytes: usize, text: String, stripped: Vec<Stripped> },
    /// So many bytes open a link in HTML, which is to go.
    Anchor { bytes: usize, stripped: Stripped },
    /// So many bytes close a link in HTML.
    AnchorEnd(usize),
    /// More must come first.
    Wait,
}

/// Where something ends in a text that may go on.
enum End {
    At(usize),
    /// It does not.
    Never,
    /// More must come first.
    Open,
}

/// Bytes of the longest word before `://`.
const WORD: usize = 64;
/// Bytes of the longest label of a link.
const LABEL: usize = 1000;
/// Bytes of the longest destination with its title.
const DESTINATION: usize = 4000;
/// Bytes of the longest name of a reference.
const REFERENCE: usize = 200;

/// Bytes at the beginning in which nothing can begin.
pub(super) fn plain(text: &str) -> usize {
    let begins = |c: char| c.is_ascii_alphanumeric() || matches!(c, '[' | '!' | '<' | ']');
    text.find(begins).unwrap_or(text.len())
}

/// What begins with the first character of `text`, behind the character `last`. `end` says
/// that nothing follows.
pub(super) fn look(text: &str, last: Option<char>, end: bool, allowed: &Allowed) -> Found {
    let bytes = text.as_bytes();
    match (bytes.first(), bytes.get(1)) {
        (Some(b'['), _) => bracket(text, 1, last, end, allowed),
        (Some(b'!'), Some(b'[')) => bracket(text, 2, last, end, allowed),
        (Some(b'!'), None) if !end => Found::Wait,
        (Some(b'!'), _) => Found::Plain(1),
        (Some(b']'), _) => closing(text, end, allowed),
        (Some(b'<'), _) => tag::look(text, end, allowed),
        _ => word(text, last, end, allowed),
    }
}

/// The first `most` bytes, or fewer where a character would be cut.
pub(super) fn window(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// A bare address, or a word.
fn word(text: &str, last: Option<char>, end: bool, allowed: &Allowed) -> Found {
    let part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'.' | b'-');
    let length = text.as_bytes().iter().take(WORD + 1).take_while(|byte| part(byte)).count();
    if length > WORD {
        return Found::Plain(WORD);
    }
    let rest = &text[length..];
    if rest.is_empty() && !end {
        return Found::Wait;
    }
    let apart = last.is_none_or(|last| !last.is_alphanumeric());
    let named = apart && length > 4 && text[..4].eq_ignore_ascii_case("www.");
    if !named && !rest.starts_with("://") {
        let may_go_on = !end && matches!(rest, ":" | ":/");
        return if may_go_on { Found::Wait } else { Found::Plain(length) };
    }
    let Some(stop) = address_end(text, end) else { return Found::Wait };
    let address = trimmed(&text[..stop]);
    if !named && address.len() <= length + "://".len() {
        return Found::Plain(length);
    }
    if allowed.permits_bare(address) {
        return Found::Plain(address.len());
    }
    let stripped = Stripped { kind: "link", url: address.to_owned(), text: String::new() };
    Found::Link { bytes: address.len(), text: REMOVED.to_owned(), stripped: vec![stripped] }
}

/// Where an address ends that begins `text`; `None` when more may come.
fn address_end(text: &str, end: bool) -> Option<usize> {
    let (mut round, mut square) = (0_usize, 0_usize);
    for (at, character) in text.char_indices() {
        match character {
            '(' => round += 1,
            ')' if round > 0 => round -= 1,
            // Numbers of version 6 stand in brackets.
            '[' if text[..at].ends_with("://") => square += 1,
            ']' if square > 0 => square -= 1,
            ')' | '[' | ']' | '<' | '>' | '"' | '`' | '{' | '}' | '|' | '^' | '\\' => {
                return Some(at);
            }
            other if !other.is_ascii_graphic() => return Some(at),
            _ => {}
        }
    }
    end.then_some(text.len())
}

/// A link or an image of Markdown whose label begins after `open` bytes.
fn bracket(text: &str, open: usize, last: Option<char>, end: bool, allowed: &Allowed) -> Found {
    let close = match label_end(text, open) {
        End::At(close) => close,
        End::Open if !end => return Found::Wait,
        End::Open | End::Never => return Found::Plain(open),
    };
    let (label, after) = (&text[open..close], &text[close + 1..]);
    let link = Bracket { text, open, close, label };
    match after.chars().next() {
        None if !end => Found::Wait,
        Some('(') => link.inline(after, end, allowed),
        Some(':') => link.definition(after, end, allowed),
        Some('[') if last.is_none_or(|last| !last.is_alphanumeric()) => {
            link.reference(after, end, allowed)
        }
        _ => Found::Plain(open),
    }
}

/// The bracket that closes the one before `open`.
fn label_end(text: &str, open: usize) -> End {
    let seen = window(text, LABEL);
    let (mut depth, mut escaped, mut newline) = (1_usize, false, false);
    for (at, character) in seen.char_indices().skip_while(|(at, _)| *at < open) {
        match character {
            _ if escaped => {}
            '[' => depth += 1,
            ']' if depth == 1 => return End::At(at),
            ']' => depth -= 1,
            '\n' if newline => return End::Never,
            _ => {}
        }
        escaped = character == '\\' && !escaped;
        newline = character == '\n';
    }
    if seen.len() < text.len() { End::Never } else { End::Open }
}

/// A label in brackets.
struct Bracket<'t> {
    text: &'t str,
    open: usize,
    close: usize,
    label: &'t str,
}

impl Bracket<'_> {
    /// `[label](destination "title")`
    fn inline(&self, after: &str, end: bool, allowed: &Allowed) -> Found {
        let (stop, destination) = inline_end(after);
        let bytes = match stop {
            End::At(bytes) => bytes,
            End::Open if !end => return Found::Wait,
            End::Open | End::Never => return Found::Plain(self.open),
        };
        let whole = self.close + 1 + bytes;
        let (inner, mut stripped) = strip(self.label, allowed);
        // Others may read as a text what is a destination and a title here.
        let hidden = strip(&after[1..bytes - 1], allowed).1;
        if allowed.permits(destination) && hidden.is_empty() {
            if stripped.is_empty() {
                return Found::Plain(whole);
            }
            let text = format!("{}{inner}]{}", &self.text[..self.open], &after[..bytes]);
            return Found::Link { bytes: whole, text, stripped };
        }
        let text = if is_number(self.label) { format!("[{inner}]") } else { inner };
        stripped.push(self.gone(destination, &text));
        Found::Link { bytes: whole, text, stripped }
    }

    /// `[label]: destination`
    fn definition(&self, after: &str, end: bool, allowed: &Allowed) -> Found {
        match destination(&after[1..], &[], end) {
            None => Found::Wait,
            Some((skipped, token)) if is_built(token) || allowed.forbids(bare(token)) => {
                Found::Link {
                    bytes: self.close + 2 + skipped + token.len(),
                    text: String::new(),
                    stripped: vec![self.gone(bare(token), "")],
                }
            }
            Some(_) => Found::Plain(self.open),
        }
    }

    /// `[label][name]`; where the name leads is known later, if ever.
    fn reference(&self, after: &str, end: bool, allowed: &Allowed) -> Found {
        let seen = window(after, REFERENCE);
        let Some(close) = seen.find(']') else {
            let open = seen.len() == after.len() && !end;
            return if open { Found::Wait } else { Found::Plain(self.open) };
        };
        let name = &after[1..close];
        if self.label.is_empty() || is_number(self.label) || is_number(name) {
            return Found::Plain(self.open);
        }
        let (text, mut stripped) = strip(self.label, allowed);
        stripped.push(self.gone("", &text));
        Found::Link { bytes: self.close + 1 + close + 1, text, stripped }
    }

    fn gone(&self, url: &str, text: &str) -> Stripped {
        let kind = if self.open == 2 { "image" } else { "link" };
        Stripped { kind, url: url.to_owned(), text: text.to_owned() }
    }
}

/// Where the parentheses of an inline link end, and its destination.
fn inline_end(after: &str) -> (End, &str) {
    let seen = window(after, DESTINATION);
    let ran_out = || (if seen.len() < after.len() { End::Never } else { End::Open }, "");
    let begin = 1 + blank(&seen[1..]);
    let rest = &seen[begin..];
    let (destination, mut at) = match rest.strip_prefix('<') {
        Some(inner) => match inner.find(['>', '<', '\n']) {
            Some(stop) if inner[stop..].starts_with('>') => (&inner[..stop], begin + stop + 2),
            Some(_) => return (End::Never, ""),
            None => return ran_out(),
        },
        None => match token_end(rest) {
            Some(stop) => (&rest[..stop], begin + stop),
            None => return ran_out(),
        },
    };
    let gap = blank(&seen[at..]);
    at += gap;
    if let Some(quote) = seen[at..].chars().next().filter(|c| matches!(c, '"' | '\'' | '('))
        && gap > 0
    {
        let close = if quote == '(' { ')' } else { quote };
        match quoted_end(&seen[at + 1..], close) {
            Some(length) => at += length + 2,
            None => return ran_out(),
        }
        at += blank(&seen[at..]);
    }
    match seen[at..].chars().next() {
        Some(')') => (End::At(at + 1), destination),
        Some(_) => (End::Never, ""),
        None => ran_out(),
    }
}

/// The end of a destination without angle brackets.
fn token_end(text: &str) -> Option<usize> {
    let (mut depth, mut escaped) = (0_usize, false);
    for (at, character) in text.char_indices() {
        match character {
            _ if character.is_whitespace() => return Some(at),
            _ if escaped => {}
            '(' => depth += 1,
            ')' if depth == 0 => return Some(at),
            ')' => depth -= 1,
            _ => {}
        }
        escaped = character == '\\' && !escaped;
    }
    None
}

fn quoted_end(text: &str, close: char) -> Option<usize> {
    let mut escaped = false;
    for (at, character) in text.char_indices() {
        if character == close && !escaped {
            return Some(at);
        }
        escaped = character == '\\' && !escaped;
    }
    None
}

/// Bytes of white space at the beginning.
fn blank(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

/// A bracket that closes a label which is no label here, but may be one for others.
fn closing(text: &str, end: bool, allowed: &Allowed) -> Found {
    let inline = match text.as_bytes().get(1) {
        None if !end => return Found::Wait,
        Some(b'(') => true,
        Some(b':') => false,
        _ => return Found::Plain(1),
    };
    let stops: &[char] = if inline { &[')'] } else { &[] };
    let Some((skipped, token)) = destination(&text[2..], stops, end) else { return Found::Wait };
    let leads = if inline { !allowed.permits(bare(token)) } else { allowed.forbids(bare(token)) };
    if token.is_empty() || !(leads || is_built(token)) {
        return Found::Plain(1);
    }
    let text = if inline { "](link removed" } else { "]: (link removed)" }.to_owned();
    let stripped = Stripped { kind: "link", url: bare(token).to_owned(), text: String::new() };
    Found::Link { bytes: 2 + skipped + token.len(), text, stripped: vec![stripped] }
}

/// The next word behind white space, and the bytes of that; `None` when more may come.
fn destination<'t>(text: &'t str, stops: &[char], end: bool) -> Option<(usize, &'t str)> {
    let seen = window(text, DESTINATION);
    let skipped = blank(seen);
    let stop = seen[skipped..].find(|c: char| c.is_whitespace() || stops.contains(&c));
    match stop {
        Some(stop) => Some((skipped, &seen[skipped..skipped + stop])),
        None if seen.len() == text.len() && !end => None,
        None => Some((skipped, &seen[skipped..])),
    }
}

/// Whether a destination is made of what may go itself, so that another one would stand there.
fn is_built(token: &str) -> bool {
    let simple = token.strip_prefix('<').and_then(|inner| inner.strip_suffix('>'));
    simple.unwrap_or(token).contains(['<', '['])
}

/// A destination without its angle brackets.
fn bare(token: &str) -> &str {
    token.strip_prefix('<').map_or(token, |inner| inner.split('>').next().unwrap_or(inner))
}

/// Whether a label is the number of a source.
fn is_number(label: &str) -> bool {
    let label = label.trim().trim_start_matches("source").trim_start_matches("Source").trim();
    label.split(',').all(|number| {
        let number = number.trim();
        !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
    })
}
