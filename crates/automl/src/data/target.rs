//! What is to be predicted: which task it is, and which rows can teach it.

use std::collections::BTreeMap;

use cairn_kernel::{Error, Kind, Result};

use crate::api::Task;
use crate::data::table::{Column, MISSING, Table, Values};

/// Integers with at most this many distinct values are classes.
const INTEGER_CLASSES_MAX: usize = 10;
/// Models with more classes than this are not trained.
const CLASSES_MAX: usize = 100;
/// Fewer rows than this teach nothing that could be checked.
const ROWS_MIN: usize = 20;

/// The target of a run.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) task: Task,
    /// The column's position in the table.
    pub(crate) column: usize,
    /// Class labels in the order of their indices; empty for regression.
    pub(crate) classes: Vec<String>,
    /// Table rows with a usable target, ascending.
    pub(crate) rows: Vec<usize>,
    /// Class index or number for each of `rows`.
    pub(crate) values: Vec<f64>,
    pub(crate) notes: Vec<String>,
}

/// Finds the target column and decides the task.
///
/// # Errors
/// `Invalid` or `Unprocessable`, naming the column and what to do.
pub(crate) fn find(table: &Table, name: &str, asked: Option<Task>) -> Result<Target> {
    let Some(column) = table.columns.iter().position(|column| column.name == name) else {
        return Err(unknown(table, name));
    };
    let values = labels(&table.columns[column])?;
    let rows: Vec<usize> = (0..table.rows).filter(|row| values.is_present(*row)).collect();
    let mut notes = Vec::new();
    let missing = table.rows - rows.len();
    if rows.is_empty() && table.rows > 0 {
        return Err(unprocessable(format!(
            "the target '{name}' is empty in all {} rows; choose a column with values",
            table.rows
        )));
    }
    if missing > 0 {
        notes.push(format!("{missing} rows without a value of '{name}' were left out"));
    }
    if rows.len() < ROWS_MIN {
        return Err(unprocessable(format!(
            "{} rows have a value of '{name}', and training needs at least {ROWS_MIN}; add rows",
            rows.len()
        )));
    }
    let distinct = values.distinct(&rows);
    if let [(label, _)] = distinct.as_slice() {
        return Err(unprocessable(format!(
            "the target '{name}' has the one value '{label}' in every row; there is nothing to \
             learn: choose another target or add rows with other values"
        )));
    }
    let (task, why) = decide(name, &values, distinct.len(), asked)?;
    notes.push(why);
    if task == Task::Regression {
        let values = rows.iter().map(|row| values.number(*row)).collect();
        return Ok(Target { task, column, classes: Vec::new(), rows, values, notes });
    }
    classes(name, column, task, &values, distinct, rows, notes)
}

fn unprocessable(message: String) -> Error {
    Error::new(Kind::Unprocessable, message).with_param("target")
}

/// The target's values before the task is known.
enum Labels<'a> {
    Numbers { values: &'a [f64], integer: bool },
    Booleans(&'a [f64]),
    Texts { levels: &'a [String], codes: &'a [u32] },
}

fn labels(column: &Column) -> Result<Labels<'_>> {
    match &column.values {
        Values::Number { values, integer } => Ok(Labels::Numbers { values, integer: *integer }),
        Values::Timestamp(values) => Ok(Labels::Numbers { values, integer: false }),
        Values::Boolean(values) => Ok(Labels::Booleans(values)),
        Values::Text(text) => Ok(Labels::Texts { levels: &text.levels, codes: &text.codes }),
        Values::Other(name) => Err(unprocessable(format!(
            "the target '{}' has the type {name}; a target is a number, a boolean or text",
            column.name
        ))),
    }
}

impl Labels<'_> {
    fn is_present(&self, row: usize) -> bool {
        match self {
            Self::Numbers { values, .. } | Self::Booleans(values) => values[row].is_finite(),
            Self::Texts { codes, .. } => codes[row] != MISSING,
        }
    }

    fn number(&self, row: usize) -> f64 {
        match self {
            Self::Numbers { values, .. } | Self::Booleans(values) => values[row],
            Self::Texts { codes, .. } => f64::from(codes[row]),
        }
    }

    fn label(&self, number: f64) -> String {
        match self {
            Self::Numbers { .. } => number.to_string(),
            Self::Booleans(_) => (number != 0.0).to_string(),
            Self::Texts { levels, .. } => levels[number as usize].clone(),
        }
    }

    /// Distinct labels with their internal number, in the order of classes.
    fn distinct(&self, rows: &[usize]) -> Vec<(String, f64)> {
        let mut numbers: Vec<f64> = rows.iter().map(|row| self.number(*row)).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        let mut distinct: Vec<_> = numbers.into_iter().map(|n| (self.label(n), n)).collect();
        if matches!(self, Self::Texts { .. }) {
            distinct.sort();
        }
        distinct
    }
}

trait SortPairs {
    fn sort(&mut self);
}

impl SortPairs for Vec<(String, f64)> {
    fn sort(&mut self) {
        self.sort_by(|a, b| a.0.cmp(&b.0));
    }
}

fn decide(
    name: &str,
    values: &Labels<'_>,
    distinct: usize,
    asked: Option<Task>,
) -> Result<(Task, String)> {
    let classes = if distinct == 2 { Task::Binary } else { Task::Multiclass };
    if let Some(task) = asked {
        check_asked(name, values, distinct, task)?;
        return Ok((task, format!("task {}: as asked", task.name())));
    }
    let (task, why) = match values {
        Labels::Texts { .. } => (classes, format!("text with {distinct} values")),
        Labels::Booleans(_) => (classes, "a boolean".to_owned()),
        Labels::Numbers { integer: true, .. } if distinct <= INTEGER_CLASSES_MAX => (
            classes,
            format!(
                "an integer with {distinct} values (at most {INTEGER_CLASSES_MAX} are classes)"
            ),
        ),
        Labels::Numbers { integer: true, .. } => (
            Task::Regression,
            format!(
                "an integer with {distinct} values (more than {INTEGER_CLASSES_MAX} are numbers)"
            ),
        ),
        Labels::Numbers { values, .. } if distinct == 2 && zero_one(values) => {
            (Task::Binary, "a number that is always 0 or 1".to_owned())
        }
        Labels::Numbers { .. } => (Task::Regression, "a number".to_owned()),
    };
    Ok((task, format!("task {}: the target '{name}' is {why}", task.name())))
}

fn zero_one(values: &[f64]) -> bool {
    values.iter().all(|value| value.is_nan() || *value == 0.0 || *value == 1.0)
}

fn check_asked(name: &str, values: &Labels<'_>, distinct: usize, task: Task) -> Result<()> {
    let wrong = match task {
        Task::Regression if matches!(values, Labels::Texts { .. }) => {
            format!("the target '{name}' is text, and regression needs a number; ask for classes")
        }
        Task::Binary if distinct != 2 => {
            format!("the target '{name}' has {distinct} values, and a binary task needs two")
        }
        _ => return Ok(()),
    };
    Err(Error::invalid(wrong).with_param("task"))
}

fn classes(
    name: &str,
    column: usize,
    task: Task,
    values: &Labels<'_>,
    distinct: Vec<(String, f64)>,
    rows: Vec<usize>,
    mut notes: Vec<String>,
) -> Result<Target> {
    let mut counts: BTreeMap<u64, usize> = BTreeMap::new();
    for row in &rows {
        *counts.entry(values.number(*row).to_bits()).or_default() += 1;
    }
    let count = |number: f64| counts.get(&number.to_bits()).copied().unwrap_or(0);
    let (kept, lone): (Vec<_>, Vec<_>) = distinct.into_iter().partition(|(_, n)| count(*n) > 1);
    let lone_names = lone.iter().map(|(l, _)| format!("'{l}'")).collect::<Vec<_>>().join(", ");
    if kept.len() < 2 {
        return Err(unprocessable(format!(
            "the target '{name}' has classes with only one row ({lone_names}), and fewer than two \
             other classes; add rows of each class"
        )));
    }
    if kept.len() > CLASSES_MAX {
        return Err(unprocessable(format!(
            "the target '{name}' has {} classes, and at most {CLASSES_MAX} are trained; group the \
             rare ones first",
            kept.len()
        )));
    }
    if !lone.is_empty() {
        notes.push(format!("classes with only one row were left out: {lone_names}"));
    }
    let index: BTreeMap<u64, usize> =
        kept.iter().enumerate().map(|(index, (_, n))| (n.to_bits(), index)).collect();
    let of =
        |row: usize| index.get(&values.number(row).to_bits()).map(|class| (row, *class as f64));
    let (rows, values) = rows.into_iter().filter_map(of).unzip();
    let classes: Vec<String> = kept.into_iter().map(|(label, _)| label).collect();
    let task = if classes.len() == 2 { Task::Binary } else { task };
    if let (Task::Binary, [_, positive]) = (task, classes.as_slice()) {
        notes.push(format!("the positive class, which f1 and auc are about, is '{positive}'"));
    }
    Ok(Target { task, column, classes, rows, values, notes })
}

fn unknown(table: &Table, name: &str) -> Error {
    let names: Vec<&str> = table.columns.iter().map(|column| column.name.as_str()).collect();
    let lower = name.to_lowercase();
    let close: Vec<String> = names
        .iter()
        .filter(|other| {
            let other = other.to_lowercase();
            distance(&lower, &other) <= 2.max(lower.len() / 3)
                || (lower.len() > 2 && (other.contains(&lower) || lower.contains(&other)))
        })
        .map(|other| format!("'{other}'"))
        .collect();
    let hint = match close.as_slice() {
        [] => String::new(),
        close => format!(" Did you mean {}?", close.join(" or ")),
    };
    Error::invalid(format!(
        "the table has no column '{name}'.{hint} The columns are: {}",
        names.join(", ")
    ))
    .with_param("target")
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut line: Vec<usize> = (0..=b.len()).collect();
    for (row, left) in a.chars().enumerate() {
        let mut diagonal = line[0];
        line[0] = row + 1;
        for (column, right) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(left != *right);
            diagonal = line[column + 1];
            line[column + 1] = replaced.min(diagonal + 1).min(line[column] + 1);
        }
    }
    line[b.len()]
}

#[cfg(test)]
mod tests;
