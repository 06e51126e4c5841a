//! Which columns are used and how, learned from the training rows alone.

use std::collections::HashMap;

use cairn_kernel::{Error, Kind, Result};

use crate::api::{FeatureReport, TensorSignature};
use crate::data::table::{Column, MISSING, Table, Text, Values};

/// Most levels of a categorical column that are told apart.
const LEVELS_MAX: usize = 200;
/// Seconds in a day, a week and a mean year: timestamps give their phase in each.
/// They are divided as one vector, because engines may replace a division by one
/// number with a multiplication that rounds differently.
pub(crate) const PERIODS: [f32; 3] = [86_400.0, 604_800.0, 31_556_952.0];

/// How raw columns become features.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The columns used, in table order: the model's inputs.
    pub(crate) inputs: Vec<Input>,
    /// What became of every column.
    pub(crate) reports: Vec<FeatureReport>,
}

/// One column used.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) name: String,
    /// The column's position in the table.
    pub(crate) column: usize,
    pub(crate) kind: Kinds,
}

/// How a column is used.
#[derive(Debug)]
pub(crate) enum Kinds {
    /// `fill` replaces a missing value where training saw none; without it a missing
    /// value stays NaN and the learners use it.
    Number { kind: NumberKind, fill: Option<f32> },
    /// Levels told apart. Other values share one code, missing ones another.
    Category { levels: Vec<String> },
}

/// The raw column behind a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NumberKind {
    Numeric,
    Boolean,
    Timestamp,
}

impl NumberKind {
    fn name(self) -> &'static str {
        match self {
            Self::Numeric => "numeric",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
        }
    }
}

impl Plan {
    /// Looks at `rows` of every column but `target`.
    ///
    /// # Errors
    /// `Unprocessable` when no column is usable.
    pub(crate) fn learn(table: &Table, target: usize, rows: &[usize]) -> Result<Self> {
        let mut plan = Self { inputs: Vec::new(), reports: Vec::new() };
        for (index, column) in table.columns.iter().enumerate() {
            if index == target {
                continue;
            }
            let (kind, reason) = match judge(column, rows) {
                Verdict::Use(kind, reason) => {
                    let name = kind_name(&kind).to_owned();
                    plan.inputs.push(Input { name: column.name.clone(), column: index, kind });
                    (name, reason)
                }
                Verdict::Drop(reason) => ("dropped".to_owned(), Some(reason)),
            };
            plan.reports.push(FeatureReport { name: column.name.clone(), kind, reason });
        }
        if plan.inputs.is_empty() {
            return Err(none_usable(&plan.reports));
        }
        Ok(plan)
    }

    /// The model's inputs as a client sees them.
    pub(crate) fn signature(&self) -> Vec<TensorSignature> {
        let tensor = |input: &Input| {
            let (datatype, missing) = match input.kind {
                Kinds::Number { .. } => ("FP32", "NaN"),
                Kinds::Category { .. } => ("BYTES", ""),
            };
            TensorSignature {
                name: input.name.clone(),
                datatype: datatype.to_owned(),
                shape: vec![-1, 1],
                kind: Some(kind_name(&input.kind).to_owned()),
                missing: Some(missing.to_owned()),
            }
        };
        self.inputs.iter().map(tensor).collect()
    }
}

fn kind_name(kind: &Kinds) -> &'static str {
    match kind {
        Kinds::Number { kind, .. } => kind.name(),
        Kinds::Category { .. } => "categorical",
    }
}

fn none_usable(reports: &[FeatureReport]) -> Error {
    let reasons: Vec<String> = reports
        .iter()
        .map(|report| format!("{}: {}", report.name, report.reason.as_deref().unwrap_or("")))
        .collect();
    let why =
        if reasons.is_empty() { "there is no other column".to_owned() } else { reasons.join("; ") };
    Error::new(
        Kind::Unprocessable,
        format!("no column beside the target can be learned from ({why}); add columns that vary"),
    )
}

enum Verdict {
    Use(Kinds, Option<String>),
    Drop(String),
}

fn judge(column: &Column, rows: &[usize]) -> Verdict {
    match &column.values {
        Values::Number { values, integer } => {
            if *integer && is_row_number(values, rows) {
                return Verdict::Drop("an identifier: consecutive integers, each once".to_owned());
            }
            number(values, rows, NumberKind::Numeric)
        }
        Values::Boolean(values) => number(values, rows, NumberKind::Boolean),
        Values::Timestamp(values) => number(values, rows, NumberKind::Timestamp),
        Values::Text(text) => category(text, rows),
        Values::Other(name) => Verdict::Drop(format!("the type {name} is not read")),
    }
}

/// Every integer of a range exactly once, in 50 rows or more (gaps come only from
/// rows that were held out, so the range may be somewhat longer than the rows).
fn is_row_number(values: &[f64], rows: &[usize]) -> bool {
    if rows.len() < 50 {
        return false;
    }
    let mut present: Vec<f64> = rows.iter().map(|row| values[*row]).collect();
    if present.iter().any(|value| value.is_nan()) {
        return false;
    }
    present.sort_by(f64::total_cmp);
    let range = present[present.len() - 1] - present[0] + 1.0;
    present.windows(2).all(|pair| pair[0] < pair[1]) && range <= values.len() as f64
}

fn number(values: &[f64], rows: &[usize], kind: NumberKind) -> Verdict {
    let mut present: Vec<f32> =
        rows.iter().map(|row| values[*row] as f32).filter(|value| value.is_finite()).collect();
    if present.is_empty() {
        return Verdict::Drop("empty in every training row".to_owned());
    }
    present.sort_by(f32::total_cmp);
    let missing = rows.len() - present.len();
    if missing == 0 && present[0] == present[present.len() - 1] {
        return Verdict::Drop("the same value in every training row".to_owned());
    }
    let fill = (missing == 0).then(|| present[present.len() / 2]);
    Verdict::Use(Kinds::Number { kind, fill }, None)
}

fn category(text: &Text, rows: &[usize]) -> Verdict {
    let mut counts: HashMap<u32, usize> = HashMap::new();
    for row in rows {
        *counts.entry(text.codes[*row]).or_default() += 1;
    }
    let missing = counts.remove(&MISSING).unwrap_or(0);
    let present = rows.len() - missing;
    if counts.is_empty() {
        return Verdict::Drop("empty in every training row".to_owned());
    }
    if counts.len() == 1 && missing == 0 {
        return Verdict::Drop("the same value in every training row".to_owned());
    }
    if counts.len() > 20 && counts.len() * 2 > present {
        return Verdict::Drop(format!(
            "an identifier or free text: {} different values in {present} rows",
            counts.len()
        ));
    }
    let least = (rows.len() / 500).clamp(2, 10);
    let distinct = counts.len();
    let mut kept: Vec<(usize, &str)> = counts
        .into_iter()
        .filter(|(_, count)| *count >= least)
        .map(|(code, count)| (count, text.levels[code as usize].as_str()))
        .collect();
    kept.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    kept.truncate(LEVELS_MAX);
    if kept.is_empty() {
        return Verdict::Drop(format!("no value occurs {least} times"));
    }
    let reason = (kept.len() < distinct)
        .then(|| format!("{} rare values are treated as one", distinct - kept.len()));
    let levels = kept.into_iter().map(|(_, level)| level.to_owned()).collect();
    Verdict::Use(Kinds::Category { levels }, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(name: &str, values: Values) -> Column {
        Column { name: name.to_owned(), values }
    }

    fn text(of: impl Fn(usize) -> String) -> Values {
        let mut text = Text::default();
        for row in 0..100 {
            let value = of(row);
            let code = text.levels.iter().position(|level| *level == value).unwrap_or_else(|| {
                text.levels.push(value);
                text.levels.len() - 1
            });
            text.codes.push(code as u32);
        }
        Values::Text(text)
    }

    fn integers(of: impl Fn(usize) -> f64) -> Values {
        Values::Number { values: (0..100).map(of).collect(), integer: true }
    }

    #[test]
    fn useless_columns_are_dropped_with_a_reason() {
        let columns = vec![
            column("target", integers(|row| (row % 2) as f64)),
            column("id", integers(|row| 1000.0 + row as f64)),
            column("same", integers(|_| 7.0)),
            column("empty", integers(|_| f64::NAN)),
            column("key", text(|row| format!("key-{row}"))),
            column("size", integers(|row| (row * row) as f64)),
            column(
                "city",
                text(|row| if row == 9 { "rare".into() } else { format!("c{}", row % 3) }),
            ),
            column("odd", Values::Other("List".to_owned())),
        ];
        let table = Table { rows: 100, columns };
        let rows: Vec<usize> = (0..100).collect();
        let plan = Plan::learn(&table, 0, &rows).unwrap();
        let kinds: Vec<(&str, &str)> =
            plan.reports.iter().map(|r| (r.name.as_str(), r.kind.as_str())).collect();
        assert_eq!(
            kinds,
            [
                ("id", "dropped"),
                ("same", "dropped"),
                ("empty", "dropped"),
                ("key", "dropped"),
                ("size", "numeric"),
                ("city", "categorical"),
                ("odd", "dropped"),
            ]
        );
        assert!(plan.reports.iter().all(|r| r.kind != "dropped" || r.reason.is_some()));
        let Kinds::Category { levels } = &plan.inputs[1].kind else { panic!("not a category") };
        assert_eq!(levels, &["c0", "c1", "c2"]);
        let inputs = plan.signature();
        assert_eq!(inputs[0].datatype, "FP32");
        assert_eq!(inputs[1].datatype, "BYTES");
    }

    #[test]
    fn no_usable_column_is_an_error_with_the_reasons() {
        let columns = vec![column("t", integers(|r| r as f64)), column("same", integers(|_| 1.0))];
        let rows: Vec<usize> = (0..100).collect();
        let error = Plan::learn(&Table { rows: 100, columns }, 0, &rows).unwrap_err();
        assert_eq!(error.kind(), Kind::Unprocessable);
        assert!(error.message().contains("same: the same value"), "{error}");
    }
}
