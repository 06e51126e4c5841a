//! The strategies that go beyond chunks of a size: strictly along the structure, and small
//! chunks for finding inside large ones for reading.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::headers::Headers;
use super::units::{self, Tokens, Unit};
use super::{Chunk, ChunkOptions, TokenCounter, describe, pack, sized};
use crate::document::{CharIndex, Document};

/// What parts the titles of a heading path.
const PATH: &str = " › ";

/// How a document is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Strategy {
    /// Chunks of a size with overlap, as OpenAI's `static` strategy has them; see
    /// [`chunk`](super::chunk). The tokens of their context are not counted.
    Static {
        /// No chunk has more tokens than this.
        max_tokens: usize,
        /// See [`ChunkOptions::overlap_tokens`].
        overlap_tokens: usize,
    },
    /// A chunk never holds text of two sections. A table is one chunk where it fits, and else
    /// cut between rows, with its header row as context. Nothing overlaps.
    Structure {
        /// No chunk has more tokens than this, but for a single table row that has.
        max_tokens: usize,
        /// Whether the headings above a chunk are part of its context.
        heading_context: bool,
    },
    /// Small chunks to be found inside large ones to be read. Nothing overlaps, and no table
    /// row is cut.
    ParentChild {
        /// No small chunk has more tokens than this, but for a single table row that has.
        child_tokens: usize,
        /// No large chunk has more tokens than this, with the same exception.
        parent_tokens: usize,
        /// Whether the headings above a small chunk are part of its context.
        heading_context: bool,
    },
}

impl Default for Strategy {
    fn default() -> Self {
        let ChunkOptions { max_tokens, overlap_tokens } = ChunkOptions::default();
        Self::Static { max_tokens, overlap_tokens }
    }
}

/// A chunk with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The chunk.
    pub chunk: Chunk,
    /// What is embedded and indexed in front of the text: headings that are not part of it, and
    /// the header row of the table that it begins in. [`Strategy::Static`] has one only where
    /// there is such a row, below the last heading.
    pub context: String,
    /// The place in [`Pieces::parents`] of the large chunk it lies in.
    pub parent: Option<usize>,
}

/// A document in pieces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// The chunks in order.
    pub pieces: Vec<Piece>,
    /// The large chunks of [`Strategy::ParentChild`] in order.
    pub parents: Vec<Chunk>,
}

/// Cuts `document` by `strategy`. Every character that is not white space lies in at least one
/// chunk, and every chunk is exactly the document's text in its range.
pub fn cut(document: &Document, strategy: &Strategy, counter: &dyn TokenCounter) -> Pieces {
    match *strategy {
        Strategy::Static { max_tokens, overlap_tokens } => {
            let index = CharIndex::new(&document.text);
            let tokens = Tokens::new(counter.tokens(&document.text));
            let headers = Headers::of(document, &index, &tokens, max_tokens);
            let options = ChunkOptions { max_tokens, overlap_tokens };
            let piece = |chunk: Chunk| {
                let header = headers.above(chunk.char_start);
                let heading = chunk.heading.last().map(String::as_str).filter(|_| header.is_some());
                let context = heading.into_iter().chain(header).collect::<Vec<_>>().join("\n");
                Piece { chunk, context, parent: None }
            };
            let chunks = sized(document, &options, &index, &tokens);
            Pieces { pieces: chunks.into_iter().map(piece).collect(), parents: Vec::new() }
        }
        Strategy::Structure { max_tokens, heading_context } => {
            Cutting::new(document, max_tokens, counter).along_structure(heading_context)
        }
        Strategy::ParentChild { child_tokens, parent_tokens, heading_context } => {
            let cutting = Cutting::new(document, child_tokens, counter);
            cutting.within_parents(parent_tokens.max(child_tokens), heading_context)
        }
    }
}

struct Cutting<'a> {
    document: &'a Document,
    index: CharIndex<'a>,
    tokens: Tokens,
    units: Vec<Unit>,
    headers: Headers<'a>,
    max: usize,
}

impl<'a> Cutting<'a> {
    fn new(document: &'a Document, max_tokens: usize, counter: &dyn TokenCounter) -> Self {
        let index = CharIndex::new(&document.text);
        let tokens = Tokens::new(counter.tokens(&document.text));
        let max = max_tokens.max(1);
        let units = units::units(document, &index, &tokens, (max, true));
        let headers = Headers::of(document, &index, &tokens, max);
        Self { document, index, tokens, units, headers, max }
    }

    fn along_structure(&self, heading_context: bool) -> Pieces {
        let mut spans = Vec::new();
        for section in self.sections() {
            self.section(section, &mut spans);
        }
        let mut pieces = Vec::new();
        for span in spans {
            pieces.extend(self.piece(pieces.len(), &span, heading_context));
        }
        Pieces { pieces, parents: Vec::new() }
    }

    fn within_parents(&self, parent_tokens: usize, heading_context: bool) -> Pieces {
        let mut made = Pieces::default();
        for range in pack::pack(&self.units, &self.tokens, parent_tokens, 0) {
            let Some(parent) = self.chunk(made.parents.len(), range.clone()) else { continue };
            let within = self.units.get(range.clone()).unwrap_or_default();
            for child in pack::pack(within, &self.tokens, self.max, 0) {
                let units = range.start + child.start..range.start + child.end;
                let piece = self.piece(made.pieces.len(), &units, heading_context);
                let parent = Some(made.parents.len());
                made.pieces.extend(piece.map(|piece| Piece { parent, ..piece }));
            }
            made.parents.push(parent);
        }
        made
    }

    fn chunk(&self, ordinal: usize, range: Range<usize>) -> Option<Chunk> {
        describe(self.document, &self.index, &self.tokens, &self.units, ordinal, range)
    }

    fn piece(&self, ordinal: usize, units: &Range<usize>, heading_context: bool) -> Option<Piece> {
        let chunk = self.chunk(ordinal, units.clone())?;
        let mut context = Vec::new();
        if heading_context {
            let own = self.headings(units);
            let above = chunk.heading.iter().filter(|title| !own.contains(title));
            let path = above.map(String::as_str).collect::<Vec<_>>().join(PATH);
            context.extend((!path.is_empty()).then_some(path));
        }
        context.extend(self.headers.above(chunk.char_start).map(str::to_owned));
        Some(Piece { chunk, context: context.join("\n"), parent: None })
    }

    fn text(&self, unit: &Unit) -> &str {
        self.document.text.get(unit.start..unit.end).unwrap_or_default()
    }

    /// The titles of the headings among the units.
    fn headings(&self, range: &Range<usize>) -> Vec<String> {
        let units = self.units.get(range.clone()).unwrap_or_default();
        let title = |unit: &Unit| self.text(unit).split_whitespace().collect::<Vec<_>>().join(" ");
        units.iter().filter(|unit| unit.heading.is_some()).map(title).collect()
    }

    /// The sections: each begins with a heading, or several that have nothing between them.
    fn sections(&self) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        let (mut start, mut has_text, mut path) = (0, false, 0);
        for (at, unit) in self.units.iter().enumerate() {
            if has_text && unit.path != path {
                found.push(start..at);
                (start, has_text) = (at, false);
            }
            path = unit.path;
            has_text |= unit.heading.is_none();
        }
        found.push(start..self.units.len());
        found.retain(|section| !section.is_empty());
        found
    }

    /// Packs one section.
    fn section(&self, section: Range<usize>, spans: &mut Vec<Range<usize>>) {
        let (mut start, mut at) = (section.start, section.start);
        while at < section.end {
            if let Some(end) = self.table_end(at, section.end) {
                if self.size(start..end) > self.max && start < at {
                    let alone = self.size(at..end) <= self.max;
                    if alone || !self.only_headings(start..at) {
                        spans.push(start..at);
                        start = at;
                    }
                }
                if self.size(start..end) > self.max {
                    self.rows(start, at..end, spans);
                    start = end;
                }
                at = end;
            } else if start < at && self.size(start..at + 1) > self.max {
                let end = self.step_back(start, at);
                spans.push(start..end);
                start = end;
            } else {
                at += 1;
            }
        }
        if start < section.end {
            spans.push(start..section.end);
        }
    }

    /// Packs the rows of a table that does not fit, with the headings from `start` on before it.
    fn rows(&self, start: usize, table: Range<usize>, spans: &mut Vec<Range<usize>>) {
        let last = self.units.get(table.end - 1).map_or(0, |row| row.start);
        let header_tokens = self.headers.tokens_above(self.index.char_of(last));
        let (mut from, mut at) = (start, table.start);
        while at < table.end {
            let above = if from > table.start { header_tokens } else { 0 };
            if from < at && self.size(from..at + 1) + above > self.max {
                spans.push(from..at);
                from = at;
            } else {
                at += 1;
            }
        }
        spans.push(from..table.end);
    }

    /// Where the table ends whose first row is the unit at `at`; none when that is no row.
    fn table_end(&self, at: usize, limit: usize) -> Option<usize> {
        let rows = self.units.get(at..limit)?.iter().take_while(|unit| unit.row).count();
        (rows > 0).then_some(at + rows)
    }

    fn only_headings(&self, range: Range<usize>) -> bool {
        self.units.get(range).is_some_and(|units| units.iter().all(|unit| unit.heading.is_some()))
    }

    /// The best place to end a full chunk at or before `end`: before a block if the chunk stays
    /// at least half full, and never within a table.
    fn step_back(&self, start: usize, end: usize) -> usize {
        let block = (start + 1..=end).rev().find(|&at| {
            let row = |at: usize| self.units.get(at).is_some_and(|unit| unit.row);
            self.units.get(at).is_some_and(|unit| unit.opens)
                && !(row(at) && row(at - 1))
                && self.size(start..at) * 2 >= self.max
        });
        block.unwrap_or(end)
    }

    fn size(&self, range: Range<usize>) -> usize {
        let Some(units) = self.units.get(range) else { return 0 };
        match (units.first(), units.last()) {
            (Some(first), Some(last)) => self.tokens.count(first.start, last.end),
            _ => 0,
        }
    }
}
