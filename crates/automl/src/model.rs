//! What can be learned, and predicting with it inside the trainer.

pub(crate) mod ffi;
pub(crate) mod forest;
pub(crate) mod gbm;
pub(crate) mod lbfgs;
pub(crate) mod linear;

use std::sync::Arc;

use cairn_kernel::Result;

use crate::api::Task;
use crate::data::encode::Encoded;
use crate::model::gbm::Boosted;
use crate::model::linear::Linear;

/// The encoded table with its target, as every learner sees it.
#[derive(Debug)]
pub(crate) struct Problem {
    pub(crate) task: Task,
    pub(crate) data: Encoded,
    /// Class indices, or the standardised number.
    pub(crate) target: Vec<f64>,
    /// Predictions per row: the number of classes, or one number.
    pub(crate) outputs: usize,
    pub(crate) seed: u64,
}

/// A fitted model. Predicts probabilities, or the standardised number.
#[derive(Debug)]
pub(crate) enum Model {
    /// The same for every row.
    Constant(Vec<f64>),
    Linear(Linear),
    Boosted(Boosted),
    /// A weighted mean; the weights add up to 1.
    Blend(Vec<(f64, Arc<Model>)>),
}

impl Model {
    /// Predictions for `rows`, [`Problem::outputs`] per row.
    pub(crate) fn predict(&self, problem: &Problem, rows: &[usize]) -> Result<Vec<f64>> {
        match self {
            Self::Constant(values) => Ok(values.repeat(rows.len())),
            Self::Linear(linear) => Ok(linear.predict(problem, rows)),
            Self::Boosted(boosted) => boosted.predict(problem, rows),
            Self::Blend(members) => {
                let mut sum = vec![0.0; rows.len() * problem.outputs];
                for (weight, member) in members {
                    for (sum, value) in sum.iter_mut().zip(member.predict(problem, rows)?) {
                        *sum += weight * value;
                    }
                }
                Ok(sum)
            }
        }
    }
}

/// The best prediction that ignores all features.
pub(crate) fn baseline(problem: &Problem, rows: &[usize]) -> Model {
    let count = rows.len().max(1) as f64;
    if problem.task == Task::Regression {
        let sum: f64 = rows.iter().map(|row| problem.target[*row]).sum();
        return Model::Constant(vec![sum / count]);
    }
    let mut shares = vec![0.0; problem.outputs];
    for row in rows {
        shares[problem.target[*row] as usize] += 1.0 / count;
    }
    Model::Constant(shares)
}

/// Probabilities out of raw scores (one per class; one for two classes), in place of them.
pub(crate) fn link(task: Task, scores: Vec<f64>, classes: usize) -> Vec<f64> {
    match task {
        Task::Regression => scores,
        Task::Binary => {
            let positive = scores.into_iter().map(|score| 1.0 / (1.0 + (-score).exp()));
            positive.flat_map(|p| [1.0 - p, p]).collect()
        }
        Task::Multiclass => {
            let mut scores = scores;
            for row in scores.chunks_exact_mut(classes) {
                softmax(row);
            }
            scores
        }
    }
}

pub(crate) fn softmax(row: &mut [f64]) {
    let most = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for value in row.iter_mut() {
        *value = (*value - most).exp();
        sum += *value;
    }
    for value in row.iter_mut() {
        *value /= sum;
    }
}

/// Raw scores per row: one per class, but a single one for two classes.
pub(crate) fn scores_per_row(task: Task, classes: usize) -> usize {
    if task == Task::Multiclass { classes } else { 1 }
}
