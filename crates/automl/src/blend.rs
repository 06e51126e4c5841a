//! A weighted mean of candidates, picked greedily on their validation predictions
//! (Caruana and others, 2004).

use crate::metrics;
use crate::search::{Candidate, Recipe, Search};

const STEPS: usize = 20;
/// Members with less weight than this are left out.
const WEIGHT_MIN: f64 = 0.08;
/// Rows that are looked at when picking.
const ROWS_MAX: usize = 20_000;

impl Search<'_> {
    /// Adds a blend, if one with two members or more comes out.
    pub(crate) fn blend(&mut self) {
        let members: Vec<usize> = (0..self.candidates.len())
            .filter(|index| !matches!(self.candidates[*index].recipe, Recipe::Baseline))
            .collect();
        if members.len() < 2 {
            return;
        }
        let truth: Vec<f64> = (0..self.folds.len()).flat_map(|fold| self.truth(fold)).collect();
        let width = self.problem.outputs;
        let rows = truth.len().min(ROWS_MAX);
        let step = truth.len() / rows.max(1);
        let picked: Vec<usize> = (0..rows).map(|index| index * step.max(1)).collect();
        let truth: Vec<f64> = picked.iter().map(|row| truth[*row]).collect();
        let thin = |candidate: &Candidate| {
            let all = candidate.folds.concat();
            picked.iter().flat_map(|row| all[row * width..(row + 1) * width].to_vec()).collect()
        };
        let predicted: Vec<Vec<f64>> =
            members.iter().map(|index| thin(&self.candidates[*index])).collect();
        let score = |values: &[f64]| metrics::score(self.problem.task, &truth, values, width);
        let weights = pick(&predicted, score);
        let kept: Vec<(f64, usize)> =
            weights.into_iter().zip(members).filter(|(weight, _)| *weight >= WEIGHT_MIN).collect();
        if kept.len() < 2 {
            return;
        }
        let sum: f64 = kept.iter().map(|(weight, _)| weight).sum();
        let kept: Vec<(f64, usize)> = kept.into_iter().map(|(w, index)| (w / sum, index)).collect();
        let folds = (0..self.folds.len())
            .map(|fold| {
                mix(kept.iter().map(|(w, index)| (*w, &self.candidates[*index].folds[fold][..])))
            })
            .collect();
        self.push_blend(kept, folds);
    }
}

/// The weighted sum of predictions.
pub(crate) fn mix<'a>(parts: impl Iterator<Item = (f64, &'a [f64])>) -> Vec<f64> {
    let mut sum: Vec<f64> = Vec::new();
    for (weight, values) in parts {
        sum.resize(values.len(), 0.0);
        for (sum, value) in sum.iter_mut().zip(values) {
            *sum += weight * value;
        }
    }
    sum
}

/// Adds the member that helps most, again and again; the weights are the shares.
fn pick(predicted: &[Vec<f64>], score: impl Fn(&[f64]) -> f64) -> Vec<f64> {
    let mut counts = vec![0_usize; predicted.len()];
    let mut sum: Vec<f64> = vec![0.0; predicted.first().map_or(0, Vec::len)];
    let mut best_counts = counts.clone();
    let mut best_score = f64::NEG_INFINITY;
    for step in 1..=STEPS {
        let mean = |values: &Vec<f64>| -> Vec<f64> {
            sum.iter().zip(values).map(|(s, v)| (s + v) / step as f64).collect()
        };
        let scores: Vec<f64> = predicted.iter().map(|values| score(&mean(values))).collect();
        let choice = metrics::argmax(&scores);
        counts[choice] += 1;
        for (sum, value) in sum.iter_mut().zip(&predicted[choice]) {
            *sum += value;
        }
        if scores[choice] > best_score {
            best_score = scores[choice];
            best_counts.clone_from(&counts);
        }
    }
    let total: usize = best_counts.iter().sum();
    best_counts.iter().map(|count| *count as f64 / total.max(1) as f64).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opposite_errors_cancel_in_equal_shares() {
        let truth = [1.0, 2.0, 3.0];
        let predicted = vec![vec![2.0, 3.0, 4.0], vec![0.0, 1.0, 2.0], vec![9.0, 9.0, 9.0]];
        let error =
            |values: &[f64]| -values.iter().zip(truth).map(|(v, t)| (v - t).powi(2)).sum::<f64>();
        assert_eq!(pick(&predicted, error), [0.5, 0.5, 0.0]);
    }
}
