//! Finds the delimiter from the head of a file, and refuses what is not text.

use cairn_kernel::{Error, Kind, Result};

use super::infer::Inference;
use super::records::Records;
use super::values::null_spelling;
use crate::snapshot::ColumnType;

/// The delimiters looked for, the likelier first.
const DELIMITERS: [u8; 4] = [b',', b';', b'\t', b'|'];

/// Records looked at.
const SAMPLE_RECORDS: usize = 500;

/// What a delimiter is called in notes and messages.
pub(super) fn delimiter_name(delimiter: u8) -> &'static str {
    match delimiter {
        b',' => "comma",
        b';' => "semicolon",
        b'\t' => "tab",
        _ => "bar",
    }
}

/// Fails with [`Kind::Unsupported`] if `head` begins a file that is no delimited text.
pub(super) fn require_text(head: &[u8], name: &str) -> Result<()> {
    let what = match head {
        [b'P', b'K', 3, 4, ..] => "a ZIP archive or an Excel workbook; export the table as CSV",
        [0xd0, 0xcf, 0x11, 0xe0, ..] => "an old Excel workbook; export the table as CSV",
        [0x1f, 0x8b, ..] => "gzip-compressed; unpack it first",
        [b'%', b'P', b'D', b'F', ..] => "a PDF; export the table as CSV",
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => "UTF-16 text; save it as UTF-8",
        _ if head.contains(&0) => "binary data; only CSV and Parquet are read",
        _ => return Ok(()),
    };
    Err(Error::new(Kind::Unsupported, format!("'{name}' is {what}")))
}

/// The delimiter under which `head` makes the most regular table.
///
/// Regular means: the same number of values (two at least) in as many records as
/// possible; then the most values that are numbers, dates or missing; then the
/// most columns. Without any such delimiter the file is one column, read by comma.
pub(super) fn delimiter(head: &[u8], complete: bool) -> u8 {
    let mut best = (Score::default(), b',');
    for candidate in DELIMITERS {
        let score = score(head, candidate, complete);
        if score.columns > 1 && score.beats(&best.0) {
            best = (score, candidate);
        }
    }
    best.1
}

/// How regular a table is.
#[derive(Clone, Copy, Debug, Default)]
struct Score {
    regular: f64,
    typed: f64,
    columns: usize,
}

impl Score {
    fn beats(&self, other: &Self) -> bool {
        const CLOSE: f64 = 0.02;
        if (self.regular - other.regular).abs() > CLOSE {
            return self.regular > other.regular;
        }
        if (self.typed - other.typed).abs() > CLOSE {
            return self.typed > other.typed;
        }
        self.columns > other.columns
    }
}

fn score(head: &[u8], delimiter: u8, complete: bool) -> Score {
    let rows = sample(head, delimiter, complete);
    let mut widths: Vec<(usize, usize)> = Vec::new();
    for (width, _) in &rows {
        match widths.iter_mut().find(|(known, _)| known == width) {
            Some((_, count)) => *count += 1,
            None => widths.push((*width, 1)),
        }
    }
    let Some((columns, count)) = widths.into_iter().max_by_key(|(width, n)| (*n, *width)) else {
        return Score::default();
    };
    let values: usize = rows.iter().map(|(width, _)| width).sum();
    let typed: usize = rows.iter().map(|(_, typed)| typed).sum();
    let share = |part: usize, whole: usize| part as f64 / whole.max(1) as f64;
    Score { regular: share(count, rows.len()), typed: share(typed, values), columns }
}

/// Per record, the number of values and how many of them are not plain text.
fn sample(head: &[u8], delimiter: u8, complete: bool) -> Vec<(usize, usize)> {
    let mut records = Records::new(head, delimiter, usize::MAX);
    let mut rows = Vec::new();
    while rows.len() < SAMPLE_RECORDS && matches!(records.advance(), Ok(true)) {
        let typed = (0..records.len()).filter(|i| is_typed(records.field(*i), delimiter));
        rows.push((records.len(), typed.count()));
    }
    if !complete && rows.len() > 1 && rows.len() < SAMPLE_RECORDS {
        rows.pop();
    }
    rows
}

fn is_typed(value: &[u8], delimiter: u8) -> bool {
    let mut alone = Inference::new(admits_decimal_comma(delimiter));
    alone.observe(value);
    null_spelling(value).is_some() || alone.result().kind != ColumnType::String
}

/// Decimal commas are read only where the comma does not separate values.
pub(super) fn admits_decimal_comma(delimiter: u8) -> bool {
    matches!(delimiter, b';' | b'\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_delimiter_is_found() {
        for (text, expected) in [
            ("a,b\n1,2\n3,4\n", b','),
            ("a;b\n1,5;2\n3;4,5\n", b';'),
            ("1,5;2,5\n3,5;4,5\n", b';'),
            ("a\tb\nhello, world\t2\nx, y\t4\n", b'\t'),
            ("a|b|c\n1|2|3\n", b'|'),
            ("name\nx\ny\n", b','),
            ("note,n\n\"a;b;c\",1\n\"d;e\",2\n", b','),
            ("id,tags\n1,a;b\n2,c;d\n", b','),
            ("a,b,c\n1,2,3\n4,5\n6,7,8\n", b','),
        ] {
            assert_eq!(delimiter(text.as_bytes(), true), expected, "{text}");
        }
    }

    #[test]
    fn other_formats_are_refused_by_name() {
        for (head, word) in
            [(&b"PK\x03\x04rest"[..], "Excel"), (b"\x1f\x8b", "gzip"), (b"a,b\n\0,1", "binary")]
        {
            let error = require_text(head, "t.csv").unwrap_err();
            assert_eq!(error.kind(), Kind::Unsupported);
            assert!(error.message().contains(word) && error.message().contains("t.csv"));
        }
        assert!(require_text(b"a,b\n1,2\n", "t.csv").is_ok());
    }
}
