//! From the request to a problem that learners take: reading, splitting, encoding.

use cairn_kernel::Result;

use crate::api::{Task, TrainRequest};
use crate::budget::Budget;
use crate::data::encode::{encode, giveaways};
use crate::data::plan::Plan;
use crate::data::table::{self, Table};
use crate::data::target::{self, Target};
use crate::export::Context;
use crate::model::Problem;
use crate::split::{self, Holdout};

/// Cells (rows × features) that a second of budget may fit; more rows are thinned out.
const CELLS_PER_SECOND: f64 = 2e6;
/// But not below this many rows.
const ROWS_KEPT: f64 = 1000.0;

/// The table, ready to learn from.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) table: Table,
    pub(crate) target: Target,
    /// Positions among the rows with a target.
    pub(crate) split: Holdout,
    pub(crate) plan: Plan,
    pub(crate) problem: Problem,
    /// Mean and deviation of a numeric target; 0 and 1 otherwise.
    pub(crate) center: f64,
    pub(crate) scale: f64,
    pub(crate) notes: Vec<String>,
}

impl Prepared {
    /// Table rows of positions.
    pub(crate) fn table_rows(&self, positions: &[usize]) -> Vec<usize> {
        positions.iter().map(|position| self.target.rows[*position]).collect()
    }

    /// Predictions in the target's own unit.
    pub(crate) fn unscale(&self, predicted: &[f64]) -> Vec<f64> {
        predicted.iter().map(|value| value.mul_add(self.scale, self.center)).collect()
    }

    /// Targets in their own unit.
    pub(crate) fn truth(&self, positions: &[usize]) -> Vec<f64> {
        positions.iter().map(|position| self.target.values[*position]).collect()
    }

    pub(crate) fn context(&self) -> Context<'_> {
        Context {
            plan: &self.plan,
            task: self.target.task,
            classes: &self.target.classes,
            center: self.center,
            scale: self.scale,
        }
    }
}

/// Reads and prepares the table.
///
/// # Errors
/// `Invalid` or `Unprocessable` when the table or the target cannot be learned from.
pub(crate) fn prepare(request: &TrainRequest, budget: &Budget) -> Result<Prepared> {
    let table = table::read(&request.table)?;
    let mut target = target::find(&table, &request.target, request.task)?;
    let mut notes = std::mem::take(&mut target.notes);
    let task = target.task;
    let mut split = split::holdout(task, &target.values, request.holdout, request.seed);
    let train: Vec<usize> = split.train.iter().map(|position| target.rows[*position]).collect();
    let plan = Plan::learn(&table, target.column, &train)?;
    let most = CELLS_PER_SECOND * budget.seconds() / plan.inputs.len().max(1) as f64;
    let (all, most) = (split.train.len(), most.max(ROWS_KEPT) as usize);
    if all > most {
        split.train = split::sample(task, &target.values, &split.train, most, request.seed);
        notes.push(format!(
            "{} of {all} training rows were used: a budget of {} s reaches no further",
            split.train.len(),
            budget.seconds()
        ));
    }
    for name in giveaways(&plan, &table, &target.rows, &target.values) {
        notes.push(format!(
            "the column '{name}' alone determines '{}': it may be the target in disguise; leave \
             it out unless it is known when predictions are made",
            request.target
        ));
    }
    let data = encode(&plan, &table, &target.rows);
    let (center, scale) = moments(task, &target.values, &split.train);
    let values = target.values.iter().map(|value| (value - center) / scale).collect();
    let outputs = if task == Task::Regression { 1 } else { target.classes.len() };
    let problem = Problem { task, data, target: values, outputs, seed: request.seed };
    Ok(Prepared { table, target, split, plan, problem, center, scale, notes })
}

/// Mean and deviation of a numeric target over `rows`.
fn moments(task: Task, values: &[f64], rows: &[usize]) -> (f64, f64) {
    if task != Task::Regression {
        return (0.0, 1.0);
    }
    let count = rows.len().max(1) as f64;
    let mean = rows.iter().map(|row| values[*row]).sum::<f64>() / count;
    let variance = rows.iter().map(|row| (values[*row] - mean).powi(2)).sum::<f64>() / count;
    let deviation = variance.sqrt();
    (mean, if deviation > 0.0 { deviation } else { 1.0 })
}
