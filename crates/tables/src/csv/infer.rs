//! Finds a column's type from all of its values.
//!
//! Every type is a candidate until a value speaks against it; what is left at
//! the end is the type, the narrowest first. A column without candidates is text.

use super::values::{NumberShape, boolean, instant, null_spelling, number_shape};
use crate::snapshot::ColumnType;

/// Which types every value seen so far could have.
#[derive(Clone, Copy, Debug)]
struct Candidates {
    integer: bool,
    number: bool,
    comma: bool,
    boolean: bool,
    timestamp: bool,
}

/// What is known of a column after the values observed so far.
#[derive(Clone, Debug)]
pub(super) struct Inference {
    candidates: Candidates,
    values: u64,
    zoned: bool,
    cut: bool,
}

/// A column's type and how its text is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Inferred {
    /// The type.
    pub(crate) kind: ColumnType,
    /// Numbers are written with a decimal comma.
    pub(crate) comma: bool,
    /// There was no value at all.
    pub(crate) empty: bool,
    /// Times with a zone were converted to UTC.
    pub(crate) zoned: bool,
    /// Digits below a microsecond are cut.
    pub(crate) cut: bool,
}

impl Inference {
    /// A column of which nothing is known; `comma` admits decimal commas.
    pub(super) fn new(comma: bool) -> Self {
        let candidates =
            Candidates { integer: true, number: true, comma, boolean: true, timestamp: true };
        Self { candidates, values: 0, zoned: false, cut: false }
    }

    /// Takes a value into account; gives the null spelling if it is missing.
    pub(super) fn observe(&mut self, value: &[u8]) -> Option<usize> {
        let missing = null_spelling(value);
        if missing.is_none() {
            self.values += 1;
            self.narrow(value);
        }
        missing
    }

    fn narrow(&mut self, value: &[u8]) {
        let open = &mut self.candidates;
        if open.integer || open.number || open.comma {
            let shape = number_shape(value);
            open.integer &= shape == NumberShape::Integer;
            open.number &= matches!(shape, NumberShape::Integer | NumberShape::Decimal);
            open.comma &= matches!(shape, NumberShape::Integer | NumberShape::DecimalComma);
        }
        if open.boolean {
            open.boolean = boolean(value).is_some();
        }
        if open.timestamp {
            let read = instant(value);
            open.timestamp = read.is_some();
            self.zoned |= read.is_some_and(|it| it.zoned);
            self.cut |= read.is_some_and(|it| it.cut);
        }
    }

    /// The type of the values observed.
    pub(super) fn result(&self) -> Inferred {
        let open = self.candidates;
        let empty = self.values == 0;
        let kind = match open {
            _ if empty => ColumnType::String,
            Candidates { integer: true, .. } => ColumnType::Integer,
            Candidates { number: true, .. } | Candidates { comma: true, .. } => ColumnType::Number,
            Candidates { boolean: true, .. } => ColumnType::Boolean,
            Candidates { timestamp: true, .. } => ColumnType::Timestamp,
            _ => ColumnType::String,
        };
        let instants = kind == ColumnType::Timestamp;
        Inferred {
            kind,
            comma: kind == ColumnType::Number && !open.number,
            empty,
            zoned: instants && self.zoned,
            cut: instants && self.cut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(values: &[&str]) -> ColumnType {
        let mut column = Inference::new(false);
        for value in values {
            column.observe(value.as_bytes());
        }
        column.result().kind
    }

    #[test]
    fn one_value_decides_over_all_the_others() {
        assert_eq!(kind(&["1", "2", "NA"]), ColumnType::Integer);
        assert_eq!(kind(&["1", "2.5", ""]), ColumnType::Number);
        assert_eq!(kind(&["1", "2.5", "three"]), ColumnType::String);
        assert_eq!(kind(&["1", "02"]), ColumnType::String);
        assert_eq!(kind(&["true", "FALSE"]), ColumnType::Boolean);
        assert_eq!(kind(&["true", "0"]), ColumnType::String);
        assert_eq!(kind(&["2024-01-01", "2024-01-01T10:00:00Z"]), ColumnType::Timestamp);
        assert_eq!(kind(&["2024-01-01", "20240101"]), ColumnType::String);
        assert_eq!(kind(&["NA", ""]), ColumnType::String);
        assert_eq!(kind(&["1,5"]), ColumnType::String);
    }

    #[test]
    fn decimal_commas_count_only_where_admitted_and_never_mixed_with_points() {
        let mut column = Inference::new(true);
        column.observe(b"1,5");
        column.observe(b"2");
        assert_eq!((column.result().kind, column.result().comma), (ColumnType::Number, true));
        column.observe(b"1.5");
        assert_eq!(column.result().kind, ColumnType::String);
    }
}
