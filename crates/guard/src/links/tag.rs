//! Tags of HTML, and addresses in angle brackets.

use super::address::Allowed;
use super::scan::{Found, window};
use super::{REMOVED, Stripped, strip};

/// Bytes of the longest tag.
const TAG: usize = 4000;
/// Tags that fetch, run or lead somewhere by themselves.
const NEVER: [&str; 14] = [
    "script", "style", "iframe", "object", "embed", "base", "meta", "link", "form", "frame", "svg",
    "math", "applet", "portal",
];
/// Attributes that lead nowhere whatever they say.
const HARMLESS: [&str; 19] = [
    "alt", "title", "class", "id", "width", "height", "align", "valign", "colspan", "rowspan",
    "lang", "dir", "name", "start", "type", "rel", "target", "scope", "span",
];

/// What begins with the `<` at the beginning of `text`.
pub(super) fn look(text: &str, end: bool, allowed: &Allowed) -> Found {
    match text[1..].chars().next() {
        None if !end => return Found::Wait,
        Some(first) if first.is_ascii_alphabetic() || first == '/' => {}
        _ => return Found::Plain(1),
    }
    let seen = window(text, TAG);
    let close = match tag_end(seen) {
        Ok(close) => close,
        Err(None) if seen.len() == text.len() && !end => return Found::Wait,
        // What stands behind the answer on its page might close it.
        Err(stop)
            if stop.is_none() && seen.len() < text.len()
                || seen[..stop.unwrap_or(seen.len())].contains('=') =>
        {
            return Found::Link { bytes: 1, text: "\u{2039}".to_owned(), stripped: Vec::new() };
        }
        Err(_) => return Found::Plain(1),
    };
    let (inner, bytes) = (&text[1..close], close + 1);
    if is_address(inner) {
        if !allowed.forbids(inner) {
            return Found::Plain(bytes);
        }
        let stripped = gone("link", inner, "");
        return Found::Link { bytes, text: REMOVED.to_owned(), stripped: vec![stripped] };
    }
    match inner.strip_prefix('/') {
        Some(name) if name.trim().eq_ignore_ascii_case("a") => Found::AnchorEnd(bytes),
        Some(name) => match strip(name, allowed).1.into_iter().next() {
            None => Found::Plain(bytes),
            Some(hidden) => Found::Link { bytes, text: String::new(), stripped: vec![hidden] },
        },
        None => tag(inner, bytes, allowed),
    }
}

fn tag(inner: &str, bytes: usize, allowed: &Allowed) -> Found {
    let length = inner
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != ':')
        .unwrap_or(inner.len());
    let name = inner[..length].to_lowercase();
    let attributes = attributes(&inner[length..]);
    let offending = attributes.iter().find(|(name, value)| offends(name, value, allowed));
    // Others may read as a text what is a tag here.
    let hidden = || strip(inner, allowed).1.into_iter().next().map(|hidden| hidden.url);
    let url = match offending.map(|(_, value)| value.clone()).or_else(hidden) {
        Some(url) => url,
        None if NEVER.contains(&name.as_str()) => String::new(),
        None => return Found::Plain(bytes),
    };
    if name == "a" {
        return Found::Anchor { bytes, stripped: gone("link", &url, "") };
    }
    let picture = matches!(name.as_str(), "img" | "image");
    let alt = attributes.iter().find(|(name, _)| picture && name == "alt");
    let (text, mut stripped) =
        alt.map_or_else(|| (String::new(), Vec::new()), |(_, alt)| strip(alt, allowed));
    stripped.push(gone(if picture { "image" } else { "html" }, &url, &text));
    Found::Link { bytes, text, stripped }
}

fn gone(kind: &'static str, url: &str, text: &str) -> Stripped {
    Stripped { kind, url: url.to_owned(), text: text.to_owned() }
}

/// Where the tag ends that begins `text`, else where something shows that it is none.
fn tag_end(text: &str) -> Result<usize, Option<usize>> {
    let (mut quote, mut before) = (None, ' ');
    for (at, character) in text.char_indices().skip(1) {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (Some(_), _) => {}
            (None, '>') => return Ok(at),
            (None, '<') => return Err(Some(at)),
            (None, '"' | '\'') if before == '=' => quote = Some(character),
            (None, _) => {}
        }
        if !character.is_whitespace() {
            before = character;
        }
    }
    Err(None)
}

/// Whether it is an address rather than a tag: `https://example.com`.
fn is_address(inner: &str) -> bool {
    let scheme = inner.split_once(':').map_or("", |(scheme, _)| scheme);
    let part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '.' | '-');
    scheme.len() > 1 && scheme.chars().all(part) && !inner.contains(char::is_whitespace)
}

/// Names, in lower case, and values of what stands behind a tag's name.
fn attributes(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return found;
        }
        let length = rest
            .char_indices()
            .skip(1)
            .find(|(_, c)| c.is_whitespace() || matches!(c, '=' | '/'))
            .map_or(rest.len(), |(at, _)| at);
        let name = rest[..length].to_lowercase();
        rest = rest[length..].trim_start();
        let Some(after) = rest.strip_prefix('=') else {
            found.push((name, String::new()));
            continue;
        };
        let after = after.trim_start();
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\''));
        let (value, left) = match quote {
            Some(quote) => after[1..].split_once(quote).unwrap_or((&after[1..], "")),
            None => after.split_at(after.find(char::is_whitespace).unwrap_or(after.len())),
        };
        found.push((name, value.to_owned()));
        rest = left;
    }
}

fn offends(name: &str, value: &str, allowed: &Allowed) -> bool {
    match name {
        name if name.starts_with("on") => true,
        name if HARMLESS.contains(&name) => false,
        // Styles fetch by functions, and escapes and comments hide those.
        "style" => value.contains(['(', '\\', '@', '&', '/']),
        "srcset" | "imagesrcset" => value
            .split(',')
            .filter_map(|source| source.split_whitespace().next())
            .any(|source| !allowed.permits(source)),
        _ => !allowed.permits(value),
    }
}
