//! The one sink for marked-up text: Markdown, HTML and office files all arrive
//! here as text runs, breaks, lists and tables, and leave as readable blocks
//! without markup.

use crate::document::BlockKind;
use crate::write::Builder;
use crate::write::numerals::superscript;

/// Lists nested deeper are indented no further.
const INDENT_MAX: usize = 20;

/// Gathers inline text and hands whole blocks to the [`Builder`].
#[derive(Debug)]
pub(crate) struct Flow {
    pub(crate) builder: Builder,
    inline: String,
    lists: Vec<Option<u64>>,
    marker: Option<String>,
    rows: Vec<Vec<String>>,
}

impl Flow {
    pub(crate) fn new(builder: Builder) -> Self {
        Self { builder, inline: String::new(), lists: Vec::new(), marker: None, rows: Vec::new() }
    }

    /// Running text; white space collapses.
    pub(crate) fn text(&mut self, text: &str) {
        for c in text.chars() {
            if c.is_whitespace() {
                if !self.inline.is_empty() && !self.inline.ends_with([' ', '\n']) {
                    self.inline.push(' ');
                }
            } else if !is_invisible(c) {
                self.inline.push(c);
            }
        }
    }

    /// Running text that stands raised. Behind other text an exponent or the mark of a note is
    /// written in raised signs, as it is no further digit of a number.
    pub(crate) fn raised(&mut self, text: &str) {
        let signs: Option<String> = text.trim_end().chars().map(superscript).collect();
        let follows = |c: char| !c.is_whitespace() && !matches!(c, '(' | '[');
        match signs.filter(|_| self.inline.ends_with(follows)) {
            Some(signs) => {
                self.text(&signs);
                self.text(text.get(text.trim_end().len()..).unwrap_or_default());
            }
            None => self.text(text),
        }
    }

    /// Text whose white space counts (inline code).
    pub(crate) fn verbatim(&mut self, text: &str) {
        self.inline.push_str(text);
    }

    /// A line break within a block.
    pub(crate) fn line_break(&mut self) {
        if !self.rows.is_empty() {
            return self.text(" ");
        }
        while self.inline.ends_with(' ') {
            self.inline.pop();
        }
        if !self.inline.is_empty() {
            self.inline.push('\n');
        }
    }

    /// Ends the present paragraph or list item. Within a table cell it is a space.
    pub(crate) fn close(&mut self) {
        if !self.rows.is_empty() {
            return self.text(" ");
        }
        let text = std::mem::take(&mut self.inline);
        if text.trim().is_empty() {
            return;
        }
        let indent = 2 * self.lists.len().saturating_sub(1).min(INDENT_MAX);
        match self.marker.take() {
            Some(marker) => {
                let text = format!("{marker} {}", text.trim());
                self.builder.indented(BlockKind::ListItem, indent, &text);
            }
            None => self.builder.block(BlockKind::Paragraph, &text),
        }
    }

    /// Ends the present text as a heading (as a cell's text within a table).
    pub(crate) fn close_heading(&mut self, level: u8) {
        if !self.rows.is_empty() {
            return self.text(" ");
        }
        self.marker = None;
        let text = std::mem::take(&mut self.inline);
        self.builder.block(BlockKind::Heading(level.clamp(1, 6)), &text.replace('\n', " "));
    }

    /// A block whose lines are kept as they are.
    pub(crate) fn code(&mut self, text: &str) {
        if !self.rows.is_empty() {
            return self.text(text);
        }
        self.close();
        self.builder.block(BlockKind::Code, text);
    }

    /// A list starts; `first` numbers its items.
    pub(crate) fn open_list(&mut self, first: Option<u64>) {
        self.close();
        self.lists.push(first);
    }

    pub(crate) fn close_list(&mut self) {
        self.close();
        self.lists.pop();
        self.marker = None;
    }

    /// An item of the innermost list starts.
    pub(crate) fn open_item(&mut self) {
        self.close();
        self.marker = Some(match self.lists.last_mut() {
            Some(Some(number)) => {
                let marker = format!("{number}.");
                *number += 1;
                marker
            }
            _ => "-".to_owned(),
        });
    }

    /// An item of the innermost list starts that has this marker; without one it is a paragraph.
    /// In a table cell a number stands in the text.
    pub(crate) fn open_marked(&mut self, marker: Option<String>) {
        self.close();
        if self.rows.is_empty() {
            self.marker = marker;
        } else if let Some(marker) = marker.filter(|marker| marker != "-") {
            self.text(&format!("{marker} "));
        }
    }

    /// A table row starts; rows of tables within cells become text of the cell.
    pub(crate) fn open_row(&mut self) {
        if self.rows.is_empty() {
            self.close();
        } else {
            self.text(" ");
        }
        self.rows.push(Vec::new());
    }

    /// The present cell ends.
    pub(crate) fn close_cell(&mut self) {
        if self.rows.len() != 1 {
            return self.text(" ");
        }
        let cell = std::mem::take(&mut self.inline);
        if let Some(row) = self.rows.last_mut() {
            row.push(cell.trim().to_owned());
        }
    }

    /// The present row ends and is written, unless all its cells are empty.
    pub(crate) fn close_row(&mut self) {
        if self.rows.len() > 1 {
            self.rows.pop();
            return;
        }
        if !self.inline.trim().is_empty() {
            self.close_cell();
        }
        let cells = self.rows.pop().unwrap_or_default();
        self.inline.clear();
        match cells.as_slice() {
            cells if cells.iter().all(String::is_empty) => {}
            [only] => self.builder.block(BlockKind::Paragraph, only),
            cells => {
                let row = format!("| {} |", cells.join(" | "));
                self.builder.block(BlockKind::TableRow, &row);
            }
        }
    }

    /// Ends everything still open.
    pub(crate) fn finish(mut self) -> Builder {
        while !self.rows.is_empty() {
            self.close_row();
        }
        self.close();
        self.builder
    }
}

/// Characters that only steer layout: soft hyphens, zero-width spaces and joints.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_raised_behind_a_digit_is_no_digit_of_the_number() {
        let mut flow = Flow::new(Builder::new("x"));
        for (text, raised) in
            [("10", "6"), (" and 10", "-3 "), ("in 2024", "1"), (" the 5", "th"), (" of x", "2")]
        {
            flow.text(text);
            flow.raised(raised);
        }
        assert_eq!(flow.finish().finish().text, "10⁶ and 10⁻³ in 2024¹ the 5th of x²");
    }
}
