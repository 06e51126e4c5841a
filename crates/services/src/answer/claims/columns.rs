//! Rows of tables, said with the names of their columns.

use std::ops::Range;

use cairn_documents::{cells, header_row};
use cairn_store::records::ChunkRow;

/// Rows below one that are looked at to tell whether it names their columns.
const LOOKED_AT: usize = 3;

/// A row of a table as a sentence: `Part: P-333; Price: 63.` Nothing where the bytes `range` of
/// the chunk's text are no row, or where it is not sure which row names its columns.
pub(crate) fn named(chunk: &ChunkRow, range: &Range<usize>) -> Option<String> {
    let values = cells(chunk.text.get(range.clone())?);
    let names = cells(header(chunk, range)?);
    if !are_names(&names, &values) {
        return None;
    }
    let pairs = names.iter().zip(&values).filter(|(_, value)| !value.is_empty());
    let said = pairs.map(|(name, value)| match name.trim_end_matches(':') {
        "" => (*value).to_owned(),
        name => format!("{name}: {value}"),
    });
    let said = said.collect::<Vec<_>>().join("; ");
    Some(if said.ends_with(['.', '!', '?']) { said } else { said + "." })
}

/// Whether the bytes `range` of the chunk's text are the row that names a table's columns, as far as
/// the next rows tell: all of them that can. Of two columns it takes two rows, for the first one of
/// a list of keys and values looks the same above a number.
pub(crate) fn is_header(chunk: &ChunkRow, range: &Range<usize>) -> bool {
    let Some(below) = chunk.text.get(range.end..) else { return false };
    let narrow = chunk.text.get(range.clone()).is_some_and(|row| cells(row).len() <= 2);
    let (mut start, mut named) = (range.end, 0);
    for (at, line) in below.split_inclusive('\n').enumerate().take(LOOKED_AT + 1) {
        let row = start..start + line.trim_end().len();
        start += line.len();
        if at == 0 {
            // The end of its own line.
            continue;
        }
        if !line.starts_with("| ") {
            break;
        }
        match header_above(chunk, &row) {
            Some(header) if header.start != range.start => return false,
            found => named += usize::from(found.is_some()),
        }
    }
    named > usize::from(narrow)
}

/// Where in the chunk's text the row stands that names the columns of the one at `range`, where it
/// is sure which one does.
pub(crate) fn header_above(chunk: &ChunkRow, range: &Range<usize>) -> Option<Range<usize>> {
    let values = cells(chunk.text.get(range.clone())?);
    let header = header(chunk, range)?;
    // The columns of a table that begins before the chunk are known from elsewhere.
    let start = header.as_ptr().addr().checked_sub(chunk.text.as_ptr().addr())?;
    let own = start..start.checked_add(header.trim_end().len())?;
    (own.end <= range.start && are_names(&cells(header), &values)).then_some(own)
}

/// The header of the table whose row lies in `range`.
fn header<'c>(chunk: &'c ChunkRow, range: &Range<usize>) -> Option<&'c str> {
    let is_row = |line: &&str| line.starts_with("| ");
    let (above, row) = (chunk.text.get(..range.start)?, chunk.text.get(range.clone())?);
    let mut rows: Vec<&str> = above.lines().rev().take_while(is_row).collect();
    let begins = rows.len() == above.lines().count();
    rows.reverse();
    if begins && let Some(known) = chunk.context.lines().next_back().filter(is_row) {
        return Some(known);
    }
    // A chunk that begins within a table need not have its header.
    if begins && chunk.char_start > 0 {
        return None;
    }
    rows.push(row);
    let at = header_row(rows.iter().copied());
    rows.get(at).copied().filter(|_| at + 1 < rows.len())
}

/// Whether a row looks like the names of another's columns: some column has a number under a
/// word, and none has numbers in both, unless the name is a year.
fn are_names(names: &[&str], values: &[&str]) -> bool {
    let has_digit = |text: &str| text.contains(|c: char| c.is_ascii_digit());
    let told = |(name, value): &(&&str, &&str)| {
        name.contains(char::is_alphabetic) && !has_digit(name) && has_digit(value)
    };
    let data =
        |(name, value): (&&str, &&str)| is_number(name) && is_number(value) && !is_year(name);
    let pairs = || names.iter().zip(values);
    names.len() > 1
        && names.len() == values.len()
        && pairs().any(|pair| told(&pair))
        && !pairs().any(data)
}

fn is_number(text: &str) -> bool {
    text.contains(|c: char| c.is_ascii_digit()) && !text.contains(char::is_alphabetic)
}

fn is_year(text: &str) -> bool {
    text.parse().is_ok_and(|year: u16| (1900..=2100).contains(&year))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(context: &str, text: &str, char_start: i64) -> ChunkRow {
        ChunkRow {
            seq: 1,
            id: "chunk_1".into(),
            file_id: "file-1".into(),
            filename: "parts.xlsx".into(),
            attributes: "{}".into(),
            revision: 1,
            ordinal: 0,
            text: text.into(),
            heading: "[]".into(),
            page: None,
            char_start,
            char_end: char_start + 1,
            tokens: 1,
            context: context.into(),
            label: String::new(),
            match_start: None,
            match_end: None,
            text_version: 0,
        }
    }

    /// What is said of the line `at` of a chunk.
    fn said(chunk: &ChunkRow, at: usize) -> Option<String> {
        let line = chunk.text.lines().nth(at)?;
        let start: usize = chunk.text.lines().take(at).map(|line| line.len() + 1).sum();
        named(chunk, &(start..start + line.len()))
    }

    #[test]
    fn a_row_is_said_with_the_names_above_it() {
        let table = "| Stock 2024 |  |  |\n| Part | Price: | Maker |\n| P-333 | 63 |  |";
        let whole = chunk("", table, 0);
        assert_eq!(said(&whole, 2).as_deref(), Some("Part: P-333; Price: 63."));
        assert_eq!((said(&whole, 0), said(&whole, 1)), (None, None));
        let below = chunk("Stock\n| Part | Price | Maker |", "| P-1 | 5 | Acme Inc. |", 90);
        assert_eq!(said(&below, 0).as_deref(), Some("Part: P-1; Price: 5; Maker: Acme Inc."));
        let after = chunk("", "Prices\n\n| Part | 2023 |\n| Bolt 4 | 7 |", 90);
        assert_eq!(said(&after, 3).as_deref(), Some("Part: Bolt 4; 2023: 7."));
    }

    #[test]
    fn the_row_that_names_the_columns_is_told_from_those_below_it() {
        let line = |chunk: &ChunkRow, at: usize| {
            let start: usize = chunk.text.lines().take(at).map(|line| line.len() + 1).sum();
            start..start + chunk.text.lines().nth(at).map_or(0, str::len)
        };
        let table =
            chunk("", "Stock\n\n| part | price |\n| fan | 120 |\n| panel | 75 |\n\nEnd.", 0);
        let found: Vec<bool> = (2..5).map(|at| is_header(&table, &line(&table, at))).collect();
        assert_eq!(found, [true, false, false]);
        assert_eq!(header_above(&table, &line(&table, 4)), Some(line(&table, 2)));
        // Of a table that goes on, the names are not in the chunk.
        let below = chunk("| part | price |", "| fan | 120 |\n| panel | 75 |", 90);
        assert!(!is_header(&below, &line(&below, 0)));
        assert_eq!(header_above(&below, &line(&below, 1)), None);
        let pairs = chunk("", "| Manager | Ida Thorvald |\n| Phone | 4714 |", 0);
        assert!(!is_header(&pairs, &line(&pairs, 0)), "keys and values");
        let alike = chunk("", "| P-1 | 5 |\n| P-2 | 6 |", 0);
        assert!(!is_header(&alike, &line(&alike, 0)));
    }

    #[test]
    fn names_that_are_not_sure_are_not_said() {
        // The table may begin before the chunk.
        assert_eq!(said(&chunk("", "| Bolt | x |\n| P-1 | 5 |", 90), 1), None);
        // No header: all rows are alike.
        assert_eq!(said(&chunk("", "| P-1 | 5 |\n| P-2 | 6 |", 0), 1), None);
        assert_eq!(said(&chunk("", "| Bolt | steel |\n| Nut | brass |", 0), 1), None);
        assert_eq!(said(&chunk("", "| Part | Price |\n| P-1 | 5 | 6 |", 0), 1), None);
        assert_eq!(said(&chunk("", "| Part | Price |\nA sentence with 5.", 0), 1), None);
    }
}
