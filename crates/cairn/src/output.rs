//! The one way to standard output and standard error.
//!
//! Answers go to standard output; notes, problems and progress go to standard error,
//! so that `--json` output is one document and nothing else.

use std::fmt::Display;
use std::io::{ErrorKind, Write as _};
use std::time::Duration;

use cairn_kernel::{Result, ResultExt as _};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

/// Writes a line to standard output. A reader that went away is no failure.
///
/// # Errors
/// `Internal` when standard output cannot be written to.
pub(crate) fn line(text: impl Display) -> Result<()> {
    let mut out = std::io::stdout().lock();
    match writeln!(out, "{text}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.or_internal("writing to standard output"),
    }
}

/// Writes one JSON document to standard output.
///
/// # Errors
/// As [`line`].
pub(crate) fn json(value: &Value) -> Result<()> {
    line(format_args!("{value:#}"))
}

/// Writes a line to standard error; there is nobody to tell if that fails.
pub(crate) fn note(text: impl Display) {
    let _ = writeln!(std::io::stderr().lock(), "{text}");
}

/// A bar that counts things on a terminal, and is silent elsewhere.
pub(crate) fn bar(total: u64, what: &'static str) -> ProgressBar {
    shaped(total, what, "{msg:>12} [{bar:30}] {pos}/{len} {elapsed}")
}

/// A bar that counts bytes.
pub(crate) fn byte_bar(total: u64, what: &str) -> ProgressBar {
    let template = "{msg:>32} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec}";
    shaped(total, what, template)
}

fn shaped(total: u64, what: &str, template: &str) -> ProgressBar {
    let bar = ProgressBar::new(total).with_message(what.to_owned());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// A value as a person reads it in a cell.
pub(crate) fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// A number with four decimals; other values as they are.
pub(crate) fn rounded(value: &Value) -> String {
    match value {
        Value::Number(number) if number.is_f64() => {
            number.as_f64().map_or_else(String::new, |number| format!("{number:.4}"))
        }
        other => cell(other),
    }
}

/// Columns of text under their headings, as wide as their longest value.
pub(crate) fn table(headings: &[&str], rows: &[Vec<String>]) -> String {
    let plain = |text: &str| text.replace(char::is_control, " ");
    let mut lines = vec![headings.iter().map(|heading| plain(heading)).collect::<Vec<_>>()];
    lines.extend(rows.iter().map(|row| row.iter().map(|text| plain(text)).collect()));
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns)
        .map(|at| {
            let cells = lines.iter().filter_map(|line| line.get(at));
            cells.map(|text| text.chars().count()).max().unwrap_or(0)
        })
        .collect();
    let render = |line: &Vec<String>| {
        let cells = line.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    lines.iter().map(render).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_table_lines_up_and_keeps_to_its_lines() {
        let rows = vec![vec!["a".into(), "1\n2".into()], vec!["longer".into(), "3".into()]];
        let text = table(&["name", "n"], &rows);
        assert_eq!(text, "name    n\na       1 2\nlonger  3");
    }

    #[test]
    fn values_read_well() {
        assert_eq!(cell(&json!("x")), "x");
        assert_eq!(cell(&json!(null)), "");
        assert_eq!(rounded(&json!(0.123_456)), "0.1235");
        assert_eq!(rounded(&json!(3)), "3");
    }
}
