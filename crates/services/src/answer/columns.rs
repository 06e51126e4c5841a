//! Rows of tables, said with the names of their columns.

use std::ops::Range;

use cairn_documents::{cells, header_row};
use cairn_store::records::ChunkRow;

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
