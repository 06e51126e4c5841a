//! Comma- and tab-separated values: one table row a record.

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::document::{BlockKind, Document};
use crate::write::Builder;

/// Lines looked at to find the delimiter.
const SAMPLE_LINES: usize = 20;

/// Reads separated values; `extension` names the delimiter where it can.
pub(crate) fn read(text: &str, extension: &str, mut builder: Builder) -> Document {
    // Excel writes the delimiter into a first line of its own.
    let (named, body) = match text.strip_prefix("sep=").and_then(|rest| rest.split_once('\n')) {
        Some((delimiter, body)) => (delimiter.trim_end().bytes().next(), body),
        None => (None, text),
    };
    let delimiter = named.unwrap_or_else(|| match extension {
        "tsv" | "tab" => b'\t',
        "psv" => b'|',
        _ => delimiter(body),
    });
    let mut reader = ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .delimiter(delimiter)
        .trim(Trim::All)
        .from_reader(body.as_bytes());
    let mut record = StringRecord::new();
    loop {
        match reader.read_record(&mut record) {
            Ok(true) => row(&record, &mut builder),
            Ok(false) => break,
            Err(error) => {
                builder.note(format!("the rows after this fault were not read: {error}"));
                break;
            }
        }
    }
    builder.finish()
}

fn row(record: &StringRecord, builder: &mut Builder) {
    let cells: Vec<String> =
        record.iter().map(|cell| cell.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
    match cells.as_slice() {
        cells if cells.iter().all(String::is_empty) => {}
        [only] => builder.block(BlockKind::TableRow, only),
        cells => builder.block(BlockKind::TableRow, &format!("| {} |", cells.join(" | "))),
    }
}

/// The delimiter that most lines have equally often; commas last, as they also part decimals.
fn delimiter(text: &str) -> u8 {
    let mut best = (0, b',');
    for candidate in [b';', b'\t', b'|', b','] {
        let counts: Vec<usize> = text
            .lines()
            .filter(|line| !line.trim().is_empty())
            .take(SAMPLE_LINES)
            .map(|line| outside_quotes(line, candidate))
            .collect();
        let Some(first) = counts.first().copied().filter(|&count| count > 0) else { continue };
        let agreeing = counts.iter().filter(|&&count| count == first).count();
        if agreeing > best.0 {
            best = (agreeing, candidate);
        }
    }
    best.1
}

fn outside_quotes(line: &str, delimiter: u8) -> usize {
    let mut quoted = false;
    line.bytes()
        .filter(|&byte| {
            quoted ^= byte == b'"';
            !quoted && byte == delimiter
        })
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(source: &str, extension: &str) -> String {
        read(source, extension, Builder::new("text/csv")).text
    }

    #[test]
    fn records_become_rows_whatever_parts_them() {
        assert_eq!(
            text("a,\"b, c\"\n1,\"two\nlines\"\n", "csv"),
            "| a | b, c |\n| 1 | two lines |"
        );
        assert_eq!(text("a;b,5\n1;2,5\n", "csv"), "| a | b,5 |\n| 1 | 2,5 |");
        assert_eq!(text("a b\tc\n", "tsv"), "| a b | c |");
        assert_eq!(text("sep=|\na|b,c,d\n", "csv"), "| a | b,c,d |");
        assert_eq!(text("only\none column\n\n", "csv"), "only\none column");
    }
}
