//! Splitting, with every refill of the buffer met.

use super::*;

/// Hands out one byte at a time, so that every refill is met.
struct Dripping<'a>(&'a [u8]);

impl Read for Dripping<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let some = self.0.len().min(1).min(into.len());
        into[..some].copy_from_slice(&self.0[..some]);
        self.0 = &self.0[some..];
        Ok(some)
    }
}

fn split(text: &str) -> Result<Vec<(u64, Vec<String>)>, SplitError> {
    let mut whole = collect(Records::new(text.as_bytes(), b',', 100));
    let dripped = collect(Records::new(Dripping(text.as_bytes()), b',', 100));
    assert_eq!(format!("{whole:?}"), format!("{dripped:?}"));
    if let Ok(records) = &mut whole {
        records.shrink_to_fit();
    }
    whole
}

fn collect<R: Read>(mut records: Records<R>) -> Result<Vec<(u64, Vec<String>)>, SplitError> {
    let mut all = Vec::new();
    while records.advance()? {
        let text = |i| String::from_utf8(records.field(i).to_vec()).unwrap();
        all.push((records.line(), (0..records.len()).map(text).collect()));
    }
    Ok(all)
}

fn rows(text: &str) -> Vec<(u64, Vec<String>)> {
    split(text).unwrap()
}

fn record(line: u64, fields: &[&str]) -> (u64, Vec<String>) {
    (line, fields.iter().map(|&it| it.to_owned()).collect())
}

#[test]
fn line_numbers_count_blank_lines_and_quoted_line_ends() {
    let text = "a,b\r\n\r\n1,\"x\r\ny\"\r\n  \n2,z\r3,\n4,q";
    let expected = [
        record(1, &["a", "b"]),
        record(3, &["1", "x\r\ny"]),
        record(6, &["2", "z"]),
        record(7, &["3", ""]),
        record(8, &["4", "q"]),
    ];
    assert_eq!(rows(text), expected);
}

#[test]
fn quotes_hold_delimiters_spaces_and_doubled_quotes() {
    let text = "a , \" b \" ,\"say \"\"hi\"\"\",\"\"\"\"\n5\" pipe,\"\",x y,\"q,r\"";
    let expected =
        [record(1, &["a", " b ", "say \"hi\"", "\""]), record(2, &["5\" pipe", "", "x y", "q,r"])];
    assert_eq!(rows(text), expected);
}

#[test]
fn an_empty_quoted_line_is_a_value_and_an_empty_line_is_none() {
    assert_eq!(rows("a\n\"\"\n\nb\n"), [record(1, &["a"]), record(2, &[""]), record(4, &["b"])]);
    assert!(rows("\n\n  \n").is_empty());
    assert!(rows("").is_empty());
}

#[test]
fn broken_quotes_name_the_line_where_they_begin() {
    let open = split("a,b\n1,2\n3,\"x\n4,5\n").unwrap_err().to_string();
    assert!(open.starts_with("line 3:") && open.contains("never closed"), "{open}");
    let text = split("a,b\n1,2\n\"x\ny\"z,5\n").unwrap_err().to_string();
    assert!(text.starts_with("line 4, value 1:"), "{text}");
}

#[test]
fn a_row_of_too_many_values_is_refused() {
    let wide = ",".repeat(200);
    assert!(matches!(split(&wide), Err(SplitError::TooWide { line: 1, limit: 100 })));
}
