//! Ridge, logistic and multinomial regression on standardised numbers, missing-value
//! indicators and one-hot levels, solved by one deterministic solver.

use std::time::Instant;

use crate::api::Task;
use crate::data::encode::Encoded;
use crate::model::{Problem, lbfgs, link, scores_per_row, softmax};

/// Standardised values are kept within this many deviations.
pub(crate) const CLIP: f64 = 8.0;
const ITERATIONS: usize = 200;
const TOLERANCE: f64 = 1e-5;

/// A fitted linear model. Weights are laid out `[weight][score]`.
#[derive(Debug)]
pub(crate) struct Linear {
    /// Per numeric column, of the values present.
    pub(crate) means: Vec<f64>,
    /// Per numeric column, 1 / deviation.
    pub(crate) inverse: Vec<f64>,
    pub(crate) numeric: Vec<f64>,
    /// Weights of "is missing", per numeric column.
    pub(crate) missing: Vec<f64>,
    /// Per categorical column, per code.
    pub(crate) levels: Vec<Vec<f64>>,
    pub(crate) intercept: Vec<f64>,
    /// Scores per row.
    pub(crate) scores: usize,
    /// Whether the deadline ended the fit.
    pub(crate) cut: bool,
}

/// Fits on `rows` with ridge penalty `lambda` (in units of rows).
pub(crate) fn fit(problem: &Problem, rows: &[usize], lambda: f64, deadline: Instant) -> Linear {
    let scores = scores_per_row(problem.task, problem.outputs);
    let (means, inverse) = standard(&problem.data, rows);
    let design = Design::new(&problem.data, rows, &means, &inverse);
    let target: Vec<f64> = rows.iter().map(|row| problem.target[*row]).collect();
    let start = vec![0.0; (design.width + 1) * scores];
    let loss = Loss { task: problem.task, design: &design, target: &target, scores, lambda };
    let (weights, cut) =
        lbfgs::minimise(start, ITERATIONS, TOLERANCE, deadline, |point, gradient| {
            loss.evaluate(point, gradient)
        });
    let dense = means.len() * scores;
    let mut rest = weights[2 * dense..].to_vec();
    let levels = problem.data.categorical.iter().map(|column| {
        let tail = rest.split_off(column.size * scores);
        std::mem::replace(&mut rest, tail)
    });
    let levels = levels.collect();
    Linear {
        numeric: weights[..dense].to_vec(),
        missing: weights[dense..2 * dense].to_vec(),
        means,
        inverse,
        levels,
        intercept: rest,
        scores,
        cut,
    }
}

impl Linear {
    pub(crate) fn predict(&self, problem: &Problem, rows: &[usize]) -> Vec<f64> {
        let mut weights = [self.numeric.as_slice(), self.missing.as_slice()].concat();
        for level in &self.levels {
            weights.extend(level);
        }
        weights.extend(&self.intercept);
        let mut all = Vec::with_capacity(rows.len() * self.scores);
        for part in rows.chunks(4096) {
            let design = Design::new(&problem.data, part, &self.means, &self.inverse);
            for row in 0..part.len() {
                let start = all.len();
                all.resize(start + self.scores, 0.0);
                design.scores(row, &weights, &mut all[start..]);
            }
        }
        link(problem.task, all, problem.outputs)
    }
}

/// Mean and inverse deviation of the values present in `rows`.
fn standard(data: &Encoded, rows: &[usize]) -> (Vec<f64>, Vec<f64>) {
    let of = |column: &Vec<f32>| {
        let present = || rows.iter().map(|row| f64::from(column[*row])).filter(|v| v.is_finite());
        let count = present().count().max(1) as f64;
        let mean = present().sum::<f64>() / count;
        let variance = present().map(|v| (v - mean).powi(2)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        (mean, if deviation > 1e-12 * mean.abs().max(1e-12) { 1.0 / deviation } else { 0.0 })
    };
    data.numeric.iter().map(of).unzip()
}

/// Rows as standardised numbers, NaN where missing, and one active index per category.
struct Design {
    rows: usize,
    numbers: usize,
    /// Weights per score without the intercept: numbers, "is missing", levels.
    width: usize,
    values: Vec<f32>,
    active: Vec<usize>,
    categories: usize,
}

impl Design {
    fn new(data: &Encoded, rows: &[usize], means: &[f64], inverse: &[f64]) -> Self {
        let numbers = data.numeric.len();
        let mut values = vec![0.0; rows.len() * numbers];
        for (index, column) in data.numeric.iter().enumerate() {
            for (place, row) in values.chunks_exact_mut(numbers).zip(rows) {
                let off = (f64::from(column[*row]) - means[index]) * inverse[index];
                place[index] = off.clamp(-CLIP, CLIP) as f32;
            }
        }
        let categories = data.categorical.len();
        let mut active = vec![0; rows.len() * categories];
        let mut offset = 2 * numbers;
        for (index, column) in data.categorical.iter().enumerate() {
            for (place, row) in active.chunks_exact_mut(categories).zip(rows) {
                place[index] = offset + column.codes[*row] as usize;
            }
            offset += column.size;
        }
        Self { rows: rows.len(), numbers, width: offset, values, active, categories }
    }

    /// The weights a row meets, each with its factor: numbers or their indicators, then
    /// levels, then the intercept.
    fn terms(&self, row: usize) -> impl Iterator<Item = (usize, f64)> {
        let values = &self.values[row * self.numbers..(row + 1) * self.numbers];
        let active = &self.active[row * self.categories..(row + 1) * self.categories];
        let numbers = values.iter().enumerate().map(|(index, value)| {
            if value.is_nan() { (self.numbers + index, 1.0) } else { (index, f64::from(*value)) }
        });
        numbers.chain(active.iter().map(|index| (*index, 1.0))).chain([(self.width, 1.0)])
    }

    fn scores(&self, row: usize, weights: &[f64], out: &mut [f64]) {
        let scores = out.len();
        out.fill(0.0);
        for (index, factor) in self.terms(row) {
            for (out, weight) in out.iter_mut().zip(&weights[index * scores..]) {
                *out += factor * weight;
            }
        }
    }

    fn spread(&self, row: usize, errors: &[f64], gradient: &mut [f64]) {
        let scores = errors.len();
        for (index, factor) in self.terms(row) {
            for (gradient, error) in gradient[index * scores..].iter_mut().zip(errors) {
                *gradient += factor * error;
            }
        }
    }
}

struct Loss<'a> {
    task: Task,
    design: &'a Design,
    target: &'a [f64],
    scores: usize,
    lambda: f64,
}

impl Loss<'_> {
    /// Mean loss plus penalty; fills the gradient.
    fn evaluate(&self, weights: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let rows = self.design.rows.max(1) as f64;
        let mut total = 0.0;
        let mut row_scores = vec![0.0; self.scores];
        for row in 0..self.design.rows {
            self.design.scores(row, weights, &mut row_scores);
            total += self.row(self.target[row], &mut row_scores);
            self.design.spread(row, &row_scores, gradient);
        }
        let penalised = self.design.width * self.scores;
        let mut penalty = 0.0;
        for (index, (gradient, weight)) in gradient.iter_mut().zip(weights).enumerate() {
            *gradient /= rows;
            if index < penalised {
                *gradient += self.lambda / rows * weight;
                penalty += weight * weight;
            }
        }
        (total + 0.5 * self.lambda * penalty) / rows
    }

    /// The loss of one row; its scores are replaced by the loss's slope in each.
    fn row(&self, target: f64, scores: &mut [f64]) -> f64 {
        match self.task {
            Task::Regression => {
                scores[0] -= target;
                0.5 * scores[0] * scores[0]
            }
            Task::Binary => {
                let score = scores[0];
                let signed = if target > 0.5 { score } else { -score };
                scores[0] = 1.0 / (1.0 + (-score).exp()) - target;
                (-signed).max(0.0) + (-signed.abs()).exp().ln_1p()
            }
            Task::Multiclass => {
                let class = target as usize;
                softmax(scores);
                let loss = -scores[class].max(1e-300).ln();
                scores[class] -= 1.0;
                loss
            }
        }
    }
}

#[cfg(test)]
mod tests;
