//! Decides whether the first row names the columns, and what the names are.

use std::collections::HashMap;

use cairn_kernel::{Error, Kind, Result};

use super::infer::{Inference, Inferred};
use super::values::null_spelling;
use crate::snapshot::ColumnType;

/// The evidence of one column.
pub(super) struct ColumnEvidence<'a> {
    /// The value in the first row.
    pub(super) first: &'a [u8],
    /// The type of all the values below it.
    pub(super) below: Inferred,
    /// Whether the first value stands again below it.
    pub(super) recurs: bool,
}

/// Whether there is a header, and whether that was a guess.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Header {
    /// Text stands above columns that are not text.
    Present,
    /// All columns are text, and no first value stands again below.
    Presumed,
    /// The first row is like those below it.
    Absent,
}

/// Weighs the columns: a word above numbers, truths or dates speaks for a header,
/// a number above numbers against one. Where nothing speaks, a value that stands
/// again below it shows that the first row is data.
pub(super) fn decide(columns: &[ColumnEvidence<'_>], comma: bool) -> Header {
    let kind_of = |value: &[u8]| {
        let mut alone = Inference::new(comma);
        alone.observe(value).is_none().then(|| alone.result().kind)
    };
    let (mut speaks_for, mut against) = (0, 0);
    for column in columns.iter().filter(|it| !it.below.empty) {
        match (column.below.kind, kind_of(column.first)) {
            (ColumnType::String, _) | (_, None) => {}
            (_, Some(ColumnType::String)) => speaks_for += 1,
            (ColumnType::Number, Some(ColumnType::Integer)) => against += 1,
            (below, Some(first)) if below == first => against += 1,
            _ => {}
        }
    }
    if speaks_for > 0 && speaks_for >= against {
        return Header::Present;
    }
    let data_below = columns.iter().any(|it| !it.below.empty);
    let typed =
        |it: &ColumnEvidence<'_>| kind_of(it.first).is_some_and(|kind| kind != ColumnType::String);
    let alike = match data_below {
        true => against > 0 || columns.iter().any(|it| it.recurs),
        false => columns.iter().any(typed),
    };
    let all_missing = columns.iter().all(|it| null_spelling(it.first).is_some());
    if alike || speaks_for > 0 || all_missing { Header::Absent } else { Header::Presumed }
}

/// Column names out of a header row, and the places (from 1) of those without one,
/// which are named after their place. Fails if a name stands twice.
pub(super) fn names(cells: Vec<String>, file: &str) -> Result<(Vec<String>, Vec<usize>)> {
    let mut unnamed = Vec::new();
    let mut names = Vec::with_capacity(cells.len());
    for (at, cell) in cells.into_iter().enumerate() {
        let name = cell.trim();
        if name.is_empty() {
            unnamed.push(at + 1);
        }
        names.push(if name.is_empty() { generated(at) } else { name.to_owned() });
    }
    require_distinct(&names, file)?;
    Ok((names, unnamed))
}

/// The name of a column without one, by its place from 0.
pub(super) fn generated(at: usize) -> String {
    format!("column_{}", at + 1)
}

/// Fails, naming them, if column names stand twice.
pub(crate) fn require_distinct(names: &[String], file: &str) -> Result<()> {
    let mut places: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, name) in names.iter().enumerate() {
        places.entry(name).or_default().push(at + 1);
    }
    let mut twice: Vec<_> = places.into_iter().filter(|(_, at)| at.len() > 1).collect();
    if twice.is_empty() {
        return Ok(());
    }
    twice.sort_by_key(|(_, at)| at.first().copied());
    let said = twice.iter().take(10).map(|(name, at)| {
        let at: Vec<_> = at.iter().map(usize::to_string).collect();
        format!("'{name}' (columns {})", at.join(", "))
    });
    let said: Vec<_> = said.collect();
    Err(Error::new(
        Kind::Unprocessable,
        format!(
            "'{file}' has duplicate column names: {}; rename them so that each name stands once",
            said.join("; ")
        ),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(rows: &[&[&str]]) -> Header {
        let columns = rows[0].len();
        let below = |column: usize| {
            let mut inference = Inference::new(false);
            for row in &rows[1..] {
                inference.observe(row[column].as_bytes());
            }
            inference.result()
        };
        let evidence: Vec<_> = (0..columns)
            .map(|column| ColumnEvidence {
                first: rows[0][column].as_bytes(),
                below: below(column),
                recurs: rows[1..].iter().any(|row| row[column] == rows[0][column]),
            })
            .collect();
        decide(&evidence, false)
    }

    #[test]
    fn headers_are_told_from_data() {
        assert_eq!(header(&[&["id", "name"], &["1", "x"]]), Header::Present);
        assert_eq!(header(&[&["M", "0.4"], &["F", "0.5"]]), Header::Absent);
        assert_eq!(header(&[&["id", "2019", "2020"], &["a", "1", "2"]]), Header::Absent);
        assert_eq!(header(&[&["name", "city"], &["Ann", "Rome"]]), Header::Presumed);
        assert_eq!(header(&[&["p", "x"], &["e", "x"], &["p", "y"]]), Header::Absent);
        assert_eq!(header(&[&["", "a"], &["0", "x"], &["1", "y"]]), Header::Presumed);
        assert_eq!(header(&[&["a", "b"]]), Header::Presumed);
        assert_eq!(header(&[&["1", "b"]]), Header::Absent);
    }

    #[test]
    fn duplicates_are_named_with_their_places() {
        let cells = ["a", "b", "a", "c", "b"].map(str::to_owned).to_vec();
        let error = names(cells, "t.csv").unwrap_err();
        assert_eq!(error.kind(), Kind::Unprocessable);
        assert!(error.message().contains("'a' (columns 1, 3); 'b' (columns 2, 5)"), "{error}");
    }
}
