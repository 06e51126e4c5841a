//! The header rows of tables, for chunks that begin below them.

use super::units::Tokens;
use crate::document::{Block, BlockKind, Document};
use crate::offsets::CharIndex;

/// A header row is repeated unless it takes more than this part of a chunk.
const HEADER_PART: usize = 4;

/// The tables of a document whose header rows are repeated. A table's first row is its header.
#[derive(Debug)]
pub(super) struct Headers<'a> {
    tables: Vec<Table<'a>>,
}

#[derive(Debug)]
struct Table<'a> {
    header: &'a str,
    /// From its second row on, in chars.
    start: usize,
    end: usize,
}

impl<'a> Headers<'a> {
    /// Of a document that is cut into chunks of at most `max` tokens.
    pub(super) fn of(
        document: &'a Document,
        index: &CharIndex<'a>,
        tokens: &Tokens,
        max: usize,
    ) -> Self {
        let is_row = |block: &Block| block.kind == BlockKind::TableRow;
        let table = |rows: &[Block]| {
            let [header, second, ..] = rows else { return None };
            let (from, to) = (index.byte_of(header.start), index.byte_of(header.end));
            let repeated = is_repeated(tokens.count(from, to), max);
            let header = document.text.get(from..to).filter(|_| repeated && is_row(second))?;
            let end = rows.last()?.end;
            Some(Table { header, start: second.start, end })
        };
        let tables = document.blocks.chunk_by(|a, b| is_row(a) && is_row(b));
        Self { tables: tables.filter_map(table).collect() }
    }

    /// The header of the table in which the char at `position` lies, if it lies below that.
    pub(super) fn above(&self, position: usize) -> Option<&'a str> {
        let after = self.tables.partition_point(|table| table.start <= position);
        let table = self.tables.get(after.checked_sub(1)?)?;
        (position < table.end).then_some(table.header)
    }
}

/// Whether a header of so many tokens is repeated above chunks of at most `max`.
pub(super) fn is_repeated(tokens: usize, max: usize) -> bool {
    tokens * HEADER_PART <= max
}
