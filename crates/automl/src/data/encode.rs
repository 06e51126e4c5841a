//! Raw columns to numbers, exactly as the exported graph does it.

use std::collections::HashMap;

use crate::data::plan::{Kinds, NumberKind, PERIODS, Plan};
use crate::data::table::{MISSING, Table, Values};

/// Encoded rows, column by column.
#[derive(Debug, Default)]
pub(crate) struct Encoded {
    /// Raw numbers in the order of the inputs, then three phases per timestamp.
    /// NaN is a missing value.
    pub(crate) numeric: Vec<Vec<f32>>,
    pub(crate) categorical: Vec<Category>,
}

/// An encoded categorical column.
#[derive(Debug)]
pub(crate) struct Category {
    pub(crate) codes: Vec<u32>,
    /// Number of codes: the levels, one for all others, one for missing.
    pub(crate) size: usize,
}

impl Encoded {
    /// Number of features: numeric first, then categorical.
    pub(crate) fn width(&self) -> usize {
        self.numeric.len() + self.categorical.len()
    }

    /// `rows` as a dense row-major matrix, with codes as numbers.
    pub(crate) fn matrix(&self, rows: &[usize]) -> Vec<f32> {
        let width = self.width();
        let mut matrix = vec![0.0; rows.len() * width];
        for (index, column) in self.numeric.iter().enumerate() {
            for (out, row) in matrix.iter_mut().skip(index).step_by(width).zip(rows) {
                *out = column[*row];
            }
        }
        for (index, column) in self.categorical.iter().enumerate() {
            let places = matrix.iter_mut().skip(self.numeric.len() + index).step_by(width);
            for (out, row) in places.zip(rows) {
                *out = column.codes[*row] as f32;
            }
        }
        matrix
    }
}

/// Encodes `rows` of the table.
pub(crate) fn encode(plan: &Plan, table: &Table, rows: &[usize]) -> Encoded {
    let mut encoded = Encoded::default();
    let mut phases = Vec::new();
    for input in &plan.inputs {
        let column = &table.columns[input.column];
        match (&input.kind, &column.values) {
            (Kinds::Category { levels }, Values::Text(text)) => {
                let known: HashMap<&str, u32> =
                    levels.iter().enumerate().map(|(code, l)| (l.as_str(), code as u32)).collect();
                let other = levels.len() as u32;
                let map: Vec<u32> = text
                    .levels
                    .iter()
                    .map(|level| known.get(level.as_str()).copied().unwrap_or(other))
                    .collect();
                let code = |row: &usize| match text.codes[*row] {
                    MISSING => other + 1,
                    code => map[code as usize],
                };
                let codes = rows.iter().map(code).collect();
                encoded.categorical.push(Category { codes, size: levels.len() + 2 });
            }
            (Kinds::Number { kind, fill }, _) => {
                let raw = column.numbers().unwrap_or_default();
                let values: Vec<f32> = rows.iter().map(|row| clean(raw[*row], *fill)).collect();
                if *kind == NumberKind::Timestamp {
                    phases.extend(PERIODS.map(|period| phase(&values, period)));
                }
                encoded.numeric.push(values);
            }
            (Kinds::Category { .. }, _) => {}
        }
    }
    encoded.numeric.append(&mut phases);
    encoded
}

fn clean(value: f64, fill: Option<f32>) -> f32 {
    let value = value as f32;
    if value.is_finite() { value } else { fill.unwrap_or(f32::NAN) }
}

fn phase(seconds: &[f32], period: f32) -> Vec<f32> {
    seconds.iter().map(|value| value / period).map(|turns| turns - turns.floor()).collect()
}

/// Names of feature columns that settle the target all by themselves, on rows where
/// both are known. They usually are the target in disguise.
pub(crate) fn giveaways(plan: &Plan, table: &Table, rows: &[usize], target: &[f64]) -> Vec<String> {
    let settles = |column: usize| match &table.columns[column].values {
        Values::Text(text) => one_to_one(rows, target, |row| {
            (text.codes[row] != MISSING).then_some(u64::from(text.codes[row]))
        }),
        other => {
            let (Values::Number { values, .. }
            | Values::Boolean(values)
            | Values::Timestamp(values)) = other
            else {
                return false;
            };
            one_to_one(rows, target, |row| values[row].is_finite().then_some(values[row].to_bits()))
        }
    };
    let found = plan.inputs.iter().filter(|input| settles(input.column));
    found.map(|input| input.name.clone()).collect()
}

/// Whether key and target determine each other, and the key is not just unique.
fn one_to_one(rows: &[usize], target: &[f64], key: impl Fn(usize) -> Option<u64>) -> bool {
    let (mut forth, mut back) = (HashMap::new(), HashMap::new());
    let mut known = 0;
    for (row, target) in rows.iter().zip(target) {
        let Some(key) = key(*row) else { continue };
        known += 1;
        let target = target.to_bits();
        if *forth.entry(key).or_insert(target) != target
            || *back.entry(target).or_insert(key) != key
        {
            return false;
        }
    }
    known * 2 > rows.len() && forth.len() > 1 && forth.len() < known
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::table::{Column, Text};

    fn table() -> Table {
        let day = |row: usize| 86_400.0 * row as f64 + 43_200.0;
        let size: Vec<f64> =
            (0..40).map(|row| if row == 3 { f64::NAN } else { row as f64 }).collect();
        let full: Vec<f64> = (0..40).map(|row| (row % 7) as f64).collect();
        let text = Text {
            levels: vec!["a".to_owned(), "b".to_owned(), "once".to_owned()],
            codes: (0..40)
                .map(|row| {
                    if row == 5 {
                        2
                    } else if row == 6 {
                        MISSING
                    } else {
                        row % 2
                    }
                })
                .collect(),
        };
        let columns = [
            ("when", Values::Timestamp((0..40).map(day).collect())),
            ("size", Values::Number { values: size, integer: true }),
            ("full", Values::Number { values: full, integer: false }),
            ("kind", Values::Text(text)),
            ("y", Values::Boolean((0..40).map(|row| f64::from(row % 2)).collect())),
        ];
        let columns = columns.map(|(name, values)| Column { name: name.to_owned(), values });
        Table { rows: 40, columns: Vec::from(columns) }
    }

    #[test]
    fn missing_unknown_and_time_are_encoded_as_documented() {
        let table = table();
        let rows: Vec<usize> = (0..40).collect();
        let plan = Plan::learn(&table, 4, &rows).unwrap();
        let encoded = encode(&plan, &table, &rows);
        assert_eq!(encoded.numeric.len(), 3 + 3);
        assert!(encoded.numeric[1][3].is_nan(), "a gap seen in training stays NaN");
        assert_eq!(encoded.numeric[3][7], 0.5, "noon is half a day");
        let kind = &encoded.categorical[0];
        assert_eq!(kind.size, 4);
        assert_eq!((kind.codes[5], kind.codes[6]), (2, 3), "rare and missing");
        let matrix = encoded.matrix(&[7, 5]);
        assert_eq!(matrix.len(), 2 * 7);
        assert_eq!(matrix[13], 2.0);
    }

    #[test]
    fn a_gap_never_seen_in_training_takes_the_median() {
        let mut table = table();
        let rows: Vec<usize> = (0..40).collect();
        let plan = Plan::learn(&table, 4, &rows).unwrap();
        if let Values::Number { values, .. } = &mut table.columns[2].values {
            values[0] = f64::INFINITY;
        }
        assert_eq!(encode(&plan, &table, &[0]).numeric[2], [3.0]);
    }

    #[test]
    fn a_feature_that_is_the_target_in_disguise_is_found() {
        let table = table();
        let rows: Vec<usize> = (7..40).collect();
        let plan = Plan::learn(&table, 4, &rows).unwrap();
        let target: Vec<f64> = rows.iter().map(|row| (row % 2) as f64).collect();
        assert_eq!(giveaways(&plan, &table, &rows, &target), ["kind"]);
    }
}
