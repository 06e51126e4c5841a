//! The smallest pieces a chunk is made of.

use std::ops::Range;

use crate::document::{Block, BlockKind, CharIndex, Document};
use crate::sentences::sentences;

/// The tokens of the whole text, for counting within any piece of it.
#[derive(Debug)]
pub(super) struct Tokens {
    starts: Vec<usize>,
    ends: Vec<usize>,
}

impl Tokens {
    pub(super) fn new(mut tokens: Vec<(usize, usize)>) -> Self {
        tokens.retain(|&(start, end)| start < end);
        tokens.sort_unstable();
        let (starts, mut ends): (Vec<_>, Vec<_>) = tokens.into_iter().unzip();
        // Tokens do not overlap in practice; sorted ends keep the search sound if they do.
        ends.sort_unstable();
        Self { starts, ends }
    }

    /// The tokens that touch the bytes from `start` to `end`.
    pub(super) fn count(&self, start: usize, end: usize) -> usize {
        let before = self.ends.partition_point(|&token| token <= start);
        let until = self.starts.partition_point(|&token| token < end);
        until.saturating_sub(before)
    }

    /// Where the token after the first `count` from `start` begins.
    fn after(&self, start: usize, count: usize) -> Option<usize> {
        let before = self.ends.partition_point(|&token| token <= start);
        self.starts.get(before + count).copied()
    }
}

/// A piece that is not cut further: bytes `start..end`.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) start: usize,
    pub(super) end: usize,
    /// The level, when it is a heading.
    pub(super) heading: Option<u8>,
    /// Whether a block starts with it (a chunk rather ends before it).
    pub(super) opens: bool,
    /// Whether it is a row of a table.
    pub(super) row: bool,
    /// A char position at which the heading path of the unit's section holds.
    pub(super) path: usize,
}

/// Takes the document apart into units of at most `max` tokens, but for rows of tables where
/// those stay whole. The units cover all text but white space.
pub(super) fn units(
    document: &Document,
    index: &CharIndex<'_>,
    tokens: &Tokens,
    (max, whole_rows): (usize, bool),
) -> Vec<Unit> {
    let (text, units) = (document.text.as_str(), Vec::new());
    let mut cut = Cut { text, tokens, max, whole_rows, units, path: 0 };
    let mut at = 0;
    for block in &document.blocks {
        let range = index.byte_of(block.start)..index.byte_of(block.end);
        if range.start < at || range.end <= range.start {
            continue;
        }
        cut.stray(at..range.start);
        at = range.end;
        if matches!(block.kind, BlockKind::Heading(_)) {
            cut.path = block.start;
        }
        cut.block(block, range);
    }
    cut.stray(at..document.text.len());
    cut.units
}

struct Cut<'a> {
    text: &'a str,
    tokens: &'a Tokens,
    max: usize,
    whole_rows: bool,
    units: Vec<Unit>,
    path: usize,
}

impl Cut<'_> {
    /// Text that no block claims is a paragraph like any other.
    fn stray(&mut self, range: Range<usize>) {
        let piece = self.text.get(range.clone()).unwrap_or_default();
        if !piece.trim().is_empty() {
            self.prose(range);
        }
    }

    fn block(&mut self, block: &Block, range: Range<usize>) {
        match block.kind {
            BlockKind::Heading(level) => self.unit(range, Some(level), true),
            BlockKind::TableRow if self.whole_rows => {
                let Range { start, end } = range;
                let path = self.path;
                self.units.push(Unit { start, end, heading: None, opens: true, row: true, path });
            }
            BlockKind::TableRow => self.unit(range, None, true),
            BlockKind::Code => self.lines(range),
            BlockKind::ListItem if self.tokens.count(range.start, range.end) * 4 <= self.max => {
                self.unit(range, None, true);
            }
            BlockKind::Paragraph | BlockKind::ListItem => self.prose(range),
        }
    }

    fn prose(&mut self, range: Range<usize>) {
        let piece = self.text.get(range.clone()).unwrap_or_default();
        for (at, sentence) in sentences(piece).into_iter().enumerate() {
            self.unit(range.start + sentence.start..range.start + sentence.end, None, at == 0);
        }
    }

    fn lines(&mut self, range: Range<usize>) {
        let piece = self.text.get(range.clone()).unwrap_or_default();
        let mut start = range.start;
        let mut first = true;
        for line in piece.split_inclusive('\n') {
            let end = start + line.trim_end().len();
            if end > start {
                self.unit(start..end, None, first);
                first = false;
            }
            start += line.len();
        }
    }

    /// Adds a unit, in pieces when it alone exceeds the bound.
    fn unit(&mut self, range: Range<usize>, heading: Option<u8>, opens: bool) {
        let tokens = self.tokens.count(range.start, range.end);
        if tokens <= self.max {
            let Range { start, end } = range;
            self.units.push(Unit { start, end, heading, opens, row: false, path: self.path });
            return;
        }
        // Pieces well below the bound pack and overlap better than full ones.
        let step = (self.max / 4).max(1);
        let mut start = range.start;
        let mut first = opens;
        while start < range.end {
            let end = self.tokens.after(start, step).unwrap_or(range.end).min(range.end);
            let end = self.boundary(start, end, range.end);
            let piece = self.text.get(start..end).unwrap_or_default();
            let trimmed = piece.trim();
            if !trimmed.is_empty() {
                let from = start + (piece.len() - piece.trim_start().len());
                let to = from + trimmed.len();
                self.units.push(Unit {
                    start: from,
                    end: to,
                    heading: None,
                    opens: first,
                    row: false,
                    path: self.path,
                });
                first = false;
            }
            start = end;
        }
    }

    /// Moves a cut between tokens back to a space, if one is near, and onto a char border.
    fn boundary(&self, start: usize, end: usize, limit: usize) -> usize {
        let mut end = end;
        while end < limit && !self.text.is_char_boundary(end) {
            end += 1;
        }
        if end >= limit || end <= start {
            return limit.min(end.max(start + 1)).max(self.next_char(start));
        }
        let piece = self.text.get(start..end).unwrap_or_default();
        match piece.rfind(char::is_whitespace) {
            Some(space) if space * 2 > piece.len() => self.next_char(start + space),
            _ => end,
        }
    }

    fn next_char(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        at + rest.chars().next().map_or(0, char::len_utf8)
    }
}
