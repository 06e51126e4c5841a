//! Takes links and images to hosts that are not allowed out of a text that comes in pieces.
//!
//! An image that is shown fetches its address, and with it whatever an instruction in a
//! document had the model write into it. So only the text of a link remains: of Markdown's
//! (inline, by reference, `<https://…>`), of HTML's tags, and of bare addresses. What goes
//! leaves a gap where its neighbours would make a new link together. The result is the same
//! however the text is cut into pieces: every decision looks at the text alone, and waits
//! until enough of it is there.

mod address;
mod scan;
mod tag;

use address::has_no_url;
pub use address::{Allowed, Hosts};
use scan::Found;

/// A link that was taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripped {
    /// `image`, `link` or `html`.
    pub kind: &'static str,
    /// Where it led, as it was written; empty for a reference without a definition.
    pub url: String,
    /// What remains of it.
    pub text: String,
}

/// Stands for an address that was its own text.
const REMOVED: &str = "(link removed)";

/// The state between two pieces of text.
#[derive(Clone, Debug)]
pub struct Links {
    allowed: Allowed,
    held: String,
    /// The last character that was shown.
    last: Option<char>,
    /// Whether that opens the destination of a link: `](`.
    inside: bool,
    /// Whether something was taken out behind it.
    seam: bool,
    /// Whether a tag was begun and not ended.
    unclosed: bool,
    /// Opening tags of links that were taken out and not closed yet.
    anchors: usize,
    stripped: Vec<Stripped>,
}

impl Links {
    /// Lets `allowed` through.
    pub fn new(allowed: Allowed) -> Self {
        Self {
            allowed,
            held: String::new(),
            last: None,
            inside: false,
            seam: false,
            unclosed: false,
            anchors: 0,
            stripped: Vec::new(),
        }
    }

    /// Takes the next piece and returns what can be shown by now.
    pub fn push(&mut self, piece: &str) -> String {
        self.held.push_str(piece);
        self.work(false)
    }

    /// The rest, when no more comes.
    pub fn finish(&mut self) -> String {
        self.work(true)
    }

    /// What was taken out so far, in its order.
    pub fn stripped(&self) -> &[Stripped] {
        &self.stripped
    }

    fn work(&mut self, end: bool) -> String {
        let held = std::mem::take(&mut self.held);
        let (mut shown, mut at) = (String::new(), 0);
        while at < held.len() {
            let rest = &held[at..];
            let plain = scan::plain(rest);
            if plain > 0 {
                if !self.keep(&rest[..plain], &rest[plain..], end, &mut shown) {
                    break;
                }
                at += plain;
                continue;
            }
            // Behind a gap nothing belongs to what stands before it.
            let last = self.last.filter(|_| !self.seam);
            match scan::look(rest, last, end, &self.allowed) {
                Found::Plain(bytes) => {
                    if !self.keep(&rest[..bytes], &rest[bytes..], end, &mut shown) {
                        break;
                    }
                    at += bytes;
                }
                Found::Link { bytes, text, stripped } => {
                    self.stripped.extend(stripped);
                    self.replace(&text, &mut shown);
                    at += bytes;
                }
                Found::Anchor { bytes, stripped } => {
                    self.anchors += 1;
                    self.stripped.push(stripped);
                    self.replace("", &mut shown);
                    at += bytes;
                }
                Found::AnchorEnd(bytes) => {
                    if self.anchors > 0 {
                        self.anchors -= 1;
                        self.replace("", &mut shown);
                    } else if !self.keep(&rest[..bytes], &rest[bytes..], end, &mut shown) {
                        break;
                    }
                    at += bytes;
                }
                Found::Wait => break,
            }
        }
        self.held = held[at..].to_owned();
        shown
    }

    /// Shows what is no link. Says no if a gap before it cannot be decided yet.
    fn keep(&mut self, text: &str, after: &str, end: bool, shown: &mut String) -> bool {
        let mut characters = text.chars();
        let Some(first) = characters.next() else { return true };
        if self.seam {
            let second = characters.next().or_else(|| after.chars().next());
            if matches!(first, '.' | ':') && second.is_none() && !end {
                return false;
            }
            let ends = matches!(first, '.' | ':')
                && second.is_none_or(char::is_whitespace)
                && self.last != Some(']');
            if !ends && self.would_join(first) {
                shown.push(' ');
            }
            self.seam = false;
        }
        if text == "<" {
            self.unclosed = after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '/');
        } else if text.contains('>') {
            self.unclosed = false;
        }
        shown.push_str(text);
        self.note(text);
        true
    }

    /// Shows what remains of something that was taken out.
    fn replace(&mut self, text: &str, shown: &mut String) {
        // What follows would be attributes of a tag that nobody looked at as a whole.
        if std::mem::take(&mut self.unclosed) {
            shown.push('>');
            self.note(">");
        }
        if let Some(first) = text.chars().next()
            && self.would_join(first)
        {
            shown.push(' ');
        }
        shown.push_str(text);
        self.note(text);
        self.seam = true;
    }

    fn note(&mut self, text: &str) {
        let mut back = text.chars().rev();
        let Some(last) = back.next() else { return };
        self.inside = last == '(' && back.next().or(self.last) == Some(']');
        self.last = Some(last);
    }

    /// Whether the last character and `next` could be parts of one link.
    fn would_join(&self, next: char) -> bool {
        let Some(last) = self.last else { return false };
        if last == '(' && !self.inside {
            return false;
        }
        let apart = |character: char| {
            character.is_whitespace()
                || matches!(character, ',' | ';' | '?' | '"' | '\u{201c}' | '\u{201d}' | '*' | '_')
        };
        !apart(last) && !apart(next) && !matches!(next, ')' | ']')
    }
}

/// A whole text without links that are not allowed, and what was taken out.
pub fn strip(text: &str, allowed: &Allowed) -> (String, Vec<Stripped>) {
    if has_no_url(text) {
        return (text.to_owned(), Vec::new());
    }
    let mut links = Links::new(allowed.clone());
    let mut shown = links.push(text);
    shown.push_str(&links.finish());
    (shown, links.stripped)
}

#[cfg(test)]
mod tests;
