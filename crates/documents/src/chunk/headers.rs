//! The header rows of tables, for chunks that begin below them.

use super::units::Tokens;
use crate::document::{Block, BlockKind, CharIndex, Document};

/// A header row is repeated unless it takes more than this part of a chunk.
const HEADER_PART: usize = 4;
/// Rows looked at to find the header.
const LOOKED_AT: usize = 50;

/// The cells of a table's row as it stands in a text: `| a | b |`. Others have none.
pub fn cells(row: &str) -> Vec<&str> {
    let inner = row.trim().strip_prefix("| ").and_then(|row| row.strip_suffix(" |"));
    inner.map(|inner| inner.split(" | ").map(str::trim).collect()).unwrap_or_default()
}

/// Which of a table's first rows names its columns: the first that is filled well, compared to
/// those about it. What stands above it, in a cell or two, is a title.
pub fn header_row<'a>(rows: impl Iterator<Item = &'a str>) -> usize {
    let filled = |row: &str| cells(row).iter().filter(|cell| !cell.is_empty()).count();
    let filled: Vec<usize> = rows.take(LOOKED_AT).map(filled).collect();
    let most = filled.iter().copied().max().unwrap_or(0);
    let well = |&count: &usize| count >= 2 && count * 2 >= most;
    filled.iter().position(well).unwrap_or(0)
}

/// The tables of a document whose header rows are repeated.
#[derive(Debug)]
pub(super) struct Headers<'a> {
    tables: Vec<Table<'a>>,
}

#[derive(Debug)]
struct Table<'a> {
    /// The header row, with the title above it where both are short.
    header: &'a str,
    tokens: usize,
    /// From the row below the header on, in chars.
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
        let bytes = |from: &Block, to: &Block| (index.byte_of(from.start), index.byte_of(to.end));
        let text = |(from, to): (usize, usize)| document.text.get(from..to).unwrap_or_default();
        let table = |rows: &[Block]| {
            if !rows.first().is_some_and(is_row) {
                return None;
            }
            let at = header_row(rows.iter().map(|row| text(bytes(row, row))));
            let (first, header, below) = (rows.first()?, rows.get(at)?, rows.get(at + 1)?);
            let size = |from: &Block| {
                let (from, to) = bytes(from, header);
                tokens.count(from, to)
            };
            let from = [first, header].into_iter().find(|from| size(from) * HEADER_PART <= max)?;
            let (start, end) = (below.start, rows.last()?.end);
            Some(Table { header: text(bytes(from, header)), tokens: size(from), start, end })
        };
        let beside = |a: &Block, b: &Block| {
            !text((index.byte_of(a.end), index.byte_of(b.start))).contains("\n\n")
        };
        let tables = document.blocks.chunk_by(|a, b| is_row(a) && is_row(b) && beside(a, b));
        Self { tables: tables.filter_map(table).collect() }
    }

    /// The header of the table in which the char at `position` lies, if it lies below that.
    pub(super) fn above(&self, position: usize) -> Option<&'a str> {
        self.table(position).map(|table| table.header)
    }

    /// The tokens of that header; 0 where there is none.
    pub(super) fn tokens_above(&self, position: usize) -> usize {
        self.table(position).map_or(0, |table| table.tokens)
    }

    fn table(&self, position: usize) -> Option<&Table<'a>> {
        let after = self.tables.partition_point(|table| table.start <= position);
        self.tables.get(after.checked_sub(1)?).filter(|table| position < table.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_well_filled_row_names_the_columns() {
        let at = |rows: &[&str]| header_row(rows.iter().copied());
        assert_eq!(at(&["| Part | Price |", "| Bolt | 3 |"]), 0);
        assert_eq!(
            at(&["| Report 2024 |  |  |", "| Part | Price | Maker |", "| Bolt | 3 | A |"]),
            1
        );
        assert_eq!(
            at(&["| By | Ann |  |  |  |", "|  | 2023 |  | 2024 |  |", "| Part | a | b | c | d |"]),
            2
        );
        // A sparse table has its first row as ever.
        assert_eq!(at(&["| a |  |", "| b |  |"]), 0);
        assert_eq!(at(&["| Part | Price |", "| a | b | c | d | e | f |"]), 1);
        assert_eq!((at(&[]), at(&["one", "two"])), (0, 0));
    }

    #[test]
    fn a_row_is_taken_apart_into_its_cells() {
        assert_eq!(cells("| a |  | b c |"), ["a", "", "b c"]);
        assert_eq!(cells("|  |  |"), ["", ""]);
        assert!(cells("no row").is_empty() && cells("| half").is_empty());
    }
}
