//! Texts that are marked up line by line (reStructuredText, Org, AsciiDoc) on their way to blocks.

use crate::document::Document;
use crate::write::{Builder, Flow};

/// Writes paragraphs, items, rows and code as the lines come.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) flow: Flow,
    /// Where the lists around the present line have their markers.
    lists: Vec<usize>,
    /// Whether a paragraph or an item is open.
    open: bool,
    /// Files that the text takes in.
    files: Vec<String>,
    /// Footnotes to write behind the present paragraph, and how many there were.
    notes: Vec<String>,
    seen: usize,
}

impl Lines {
    pub(crate) fn new(builder: Builder) -> Self {
        let (lists, files, notes) = Default::default();
        Self { flow: Flow::new(builder), lists, open: false, files, notes, seen: 0 }
    }

    /// A line of the present paragraph or item, or of a new paragraph.
    pub(crate) fn text(&mut self, text: &str) {
        if self.open {
            self.flow.text(" ");
        }
        self.flow.text(text);
        self.open = true;
    }

    /// A word that leads in the next paragraph, if there is one.
    pub(crate) fn text_if(&mut self, lead: Option<&str>) {
        if let Some(lead) = lead {
            self.text(lead);
        }
    }

    /// The next line of the paragraph stands below this one.
    pub(crate) fn line_break(&mut self) {
        self.flow.line_break();
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Ends the present paragraph or item.
    pub(crate) fn end(&mut self) {
        self.flow.close();
        self.open = false;
        for note in std::mem::take(&mut self.notes) {
            self.flow.text(&note);
            self.flow.close();
        }
    }

    pub(crate) fn paragraph(&mut self, text: &str) {
        self.end();
        self.text(text);
        self.end();
    }

    /// An item of the list whose markers stand at `place`; those of lists within it stand further
    /// on.
    pub(crate) fn item(&mut self, place: usize, marker: &str, text: &str) {
        self.end();
        self.end_lists(place + 1);
        if self.lists.last() != Some(&place) {
            self.flow.open_list(None);
            self.lists.push(place);
        }
        self.flow.open_marked(Some(marker.to_owned()));
        self.text(text);
    }

    /// Ends the lists whose markers stand at `place` or further on.
    pub(crate) fn end_lists(&mut self, place: usize) {
        while self.lists.pop_if(|last| *last >= place).is_some() {
            self.end();
            self.flow.close_list();
        }
    }

    pub(crate) fn heading(&mut self, level: u8, text: &str) {
        self.end();
        self.end_lists(0);
        self.flow.text(text);
        self.flow.close_heading(level);
    }

    pub(crate) fn code(&mut self, text: &str) {
        self.end();
        self.flow.code(text);
    }

    pub(crate) fn row(&mut self, cells: impl IntoIterator<Item = impl AsRef<str>>) {
        self.end();
        self.flow.open_row();
        for cell in cells {
            self.flow.text(cell.as_ref());
            self.flow.close_cell();
        }
        self.flow.close_row();
    }

    /// A footnote, written behind the present paragraph; its mark.
    pub(crate) fn note(&mut self, text: &str) -> String {
        self.seen += 1;
        self.notes.push(format!("[{}] {text}", self.seen));
        format!("[{}]", self.seen)
    }

    /// Another file that the text takes in, which is not here.
    pub(crate) fn file(&mut self, name: &str) {
        let name = name.trim().trim_matches('"');
        if !name.is_empty() && !self.files.iter().any(|file| file == name) {
            self.files.push(name.to_owned());
        }
    }

    pub(crate) fn finish(mut self) -> Document {
        self.end();
        self.end_lists(0);
        if !self.files.is_empty() {
            let files = self.files.join("', '");
            self.flow
                .builder
                .note(format!("files that the text takes in were not read: '{files}'"));
        }
        self.flow.finish().finish()
    }
}

/// Spaces before a line; a tab goes to the next eighth column.
pub(crate) fn indent(line: &str) -> usize {
    let mut at = 0;
    for c in line.chars() {
        match c {
            ' ' => at += 1,
            '\t' => at = (at / 8 + 1) * 8,
            _ => break,
        }
    }
    at
}

/// A line without `count` columns of white space before it.
pub(crate) fn outdented(line: &str, count: usize) -> &str {
    let mut at = 0;
    for (byte, c) in line.char_indices() {
        if at >= count || !matches!(c, ' ' | '\t') {
            return line.get(byte..).unwrap_or_default();
        }
        at = if c == '\t' { (at / 8 + 1) * 8 } else { at + 1 };
    }
    ""
}

/// A text with spaces for its tabs, which go to the next eighth column.
pub(crate) fn untabbed(source: &str) -> String {
    let mut out = String::with_capacity(source.len());
    let mut at = 0_usize;
    for c in source.chars() {
        match c {
            '\t' => {
                let next = (at / 8 + 1) * 8;
                out.extend(std::iter::repeat_n(' ', next - at));
                at = next;
            }
            '\n' => {
                out.push(c);
                at = 0;
            }
            c => {
                out.push(c);
                at += 1;
            }
        }
    }
    out
}

/// Lines without the white space that all of them begin with.
pub(crate) fn without_indent(lines: &[&str]) -> String {
    let filled = lines.iter().filter(|line| !line.trim().is_empty());
    let least = filled.map(|line| indent(line)).min().unwrap_or_default();
    lines.iter().map(|line| outdented(line, least)).collect::<Vec<_>>().join("\n")
}

/// The marker of a numbered item (`1.`, `(a)`, `iv)`, `#.`) and what follows it.
pub(crate) fn numbered(line: &str) -> Option<(&str, &str)> {
    let inner = line.strip_prefix('(').unwrap_or(line);
    let end = inner.find(['.', ')'])?;
    let number = inner.get(..end)?;
    let digits = number.chars().all(|c| c.is_ascii_digit()) && number.len() <= 9;
    let letters = number.len() == 1 && number.chars().all(|c| c.is_ascii_alphabetic() || c == '#');
    let roman = number.len() <= 5 && number.chars().all(|c| "ivxlIVXL".contains(c));
    let length = line.len() - inner.len() + end + 1;
    let (marker, after) = line.split_at_checked(length)?;
    let closed = !line.starts_with('(') || marker.ends_with(')');
    let known = !number.is_empty() && (digits || letters || roman) && closed;
    (known && after.starts_with([' ', '\t'])).then(|| (marker, after.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn markers_are_told_from_words() {
        assert_eq!(numbered("1. One"), Some(("1.", "One")));
        assert_eq!(numbered("(iv) Four"), Some(("(iv)", "Four")));
        assert_eq!(numbered("#. Any"), Some(("#.", "Any")));
        assert_eq!(numbered("b) B"), Some(("b)", "B")));
        for line in ["1.5 kg", "Mr. Smith", "(a. b", "2024", "e.g. this", ". x"] {
            assert_eq!(numbered(line), None, "{line}");
        }
    }

    #[test]
    fn indents_are_columns() {
        assert_eq!((indent("  a"), indent("\ta"), indent(" \tb")), (2, 8, 8));
        assert_eq!(
            (outdented("    a", 2), outdented(" a", 4), outdented("\ta", 8)),
            ("  a", "a", "a")
        );
        assert_eq!(untabbed("a\tb\n\tc"), "a       b\n        c");
        assert_eq!(without_indent(&["   a", "", "     b"]), "a\n\n  b");
    }
}
