//! Metrics, as scikit-learn defines them.

use crate::api::{Metrics, Task};

/// All metrics of a task. `predicted` has one value per row for regression and
/// `classes` probabilities per row otherwise; `truth` holds class indices or numbers.
pub(crate) fn all(task: Task, truth: &[f64], predicted: &[f64], classes: usize) -> Metrics {
    let pairs = match task {
        Task::Regression => {
            vec![
                ("rmse", rmse(truth, predicted)),
                ("mae", mae(truth, predicted)),
                ("r2", r2(truth, predicted)),
            ]
        }
        Task::Binary | Task::Multiclass => vec![
            ("accuracy", accuracy(truth, predicted, classes)),
            ("f1", f1(truth, predicted, classes)),
            ("auc", auc(truth, predicted, classes)),
            ("log_loss", log_loss(truth, predicted, classes)),
        ],
    };
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

/// The primary metric, turned so that more is better.
pub(crate) fn score(task: Task, truth: &[f64], predicted: &[f64], classes: usize) -> f64 {
    match task {
        Task::Binary => auc(truth, predicted, classes),
        Task::Multiclass => -log_loss(truth, predicted, classes),
        Task::Regression => -rmse(truth, predicted),
    }
}

/// The index of the largest value, the first of equals.
pub(crate) fn argmax(values: &[f64]) -> usize {
    let mut best = 0;
    for (index, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = index;
        }
    }
    best
}

fn labels(predicted: &[f64], classes: usize) -> impl Iterator<Item = usize> + '_ {
    predicted.chunks_exact(classes).map(argmax)
}

fn accuracy(truth: &[f64], predicted: &[f64], classes: usize) -> f64 {
    let right = truth.iter().zip(labels(predicted, classes));
    right.filter(|(t, p)| **t as usize == *p).count() as f64 / truth.len().max(1) as f64
}

/// Of the positive (second) class for two classes; the mean over classes that occur
/// among truth or prediction otherwise.
fn f1(truth: &[f64], predicted: &[f64], classes: usize) -> f64 {
    let mut hits = vec![0.0; classes];
    let (mut actual, mut guessed) = (vec![0.0; classes], vec![0.0; classes]);
    for (t, p) in truth.iter().zip(labels(predicted, classes)) {
        let t = *t as usize;
        actual[t] += 1.0;
        guessed[p] += 1.0;
        if t == p {
            hits[t] += 1.0;
        }
    }
    let of = |class: usize| {
        let sum = actual[class] + guessed[class];
        if sum == 0.0 { 0.0 } else { 2.0 * hits[class] / sum }
    };
    if classes == 2 {
        return of(1);
    }
    let seen: Vec<usize> = (0..classes).filter(|c| actual[*c] + guessed[*c] > 0.0).collect();
    seen.iter().map(|class| of(*class)).sum::<f64>() / seen.len().max(1) as f64
}

/// Area under the ROC curve: of the positive class for two classes, the mean of
/// one-versus-rest over the classes that occur otherwise. 0.5 where undefined.
fn auc(truth: &[f64], predicted: &[f64], classes: usize) -> f64 {
    let of = |class: usize| {
        let scores = predicted.iter().skip(class).step_by(classes).copied();
        let marks = truth.iter().map(|value| *value as usize == class);
        roc(&scores.zip(marks).collect::<Vec<_>>())
    };
    if classes == 2 {
        return of(1).unwrap_or(0.5);
    }
    let areas: Vec<f64> = (0..classes).filter_map(of).collect();
    if areas.is_empty() { 0.5 } else { areas.iter().sum::<f64>() / areas.len() as f64 }
}

fn roc(scored: &[(f64, bool)]) -> Option<f64> {
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = sorted.iter().filter(|(_, mark)| *mark).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    if positives == 0.0 || negatives == 0.0 {
        return None;
    }
    let mut rank_sum = 0.0;
    let mut start = 0;
    while start < sorted.len() {
        let tied = sorted[start..].iter().take_while(|(s, _)| *s == sorted[start].0).count();
        let rank = start as f64 + (tied as f64 + 1.0) / 2.0;
        let marks = sorted[start..start + tied].iter().filter(|(_, mark)| *mark).count();
        rank_sum += rank * marks as f64;
        start += tied;
    }
    Some((rank_sum - positives * (positives + 1.0) / 2.0) / (positives * negatives))
}

fn log_loss(truth: &[f64], predicted: &[f64], classes: usize) -> f64 {
    let rows = truth.iter().zip(predicted.chunks_exact(classes));
    let sum: f64 = rows.map(|(t, p)| -p[*t as usize].clamp(1e-15, 1.0).ln()).sum();
    sum / truth.len().max(1) as f64
}

fn rmse(truth: &[f64], predicted: &[f64]) -> f64 {
    let sum: f64 = truth.iter().zip(predicted).map(|(t, p)| (t - p).powi(2)).sum();
    (sum / truth.len().max(1) as f64).sqrt()
}

fn mae(truth: &[f64], predicted: &[f64]) -> f64 {
    let sum: f64 = truth.iter().zip(predicted).map(|(t, p)| (t - p).abs()).sum();
    sum / truth.len().max(1) as f64
}

fn r2(truth: &[f64], predicted: &[f64]) -> f64 {
    let mean = truth.iter().sum::<f64>() / truth.len().max(1) as f64;
    let total: f64 = truth.iter().map(|t| (t - mean).powi(2)).sum();
    let rest: f64 = truth.iter().zip(predicted).map(|(t, p)| (t - p).powi(2)).sum();
    if total == 0.0 { 0.0 } else { 1.0 - rest / total }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: Option<&f64>, want: f64) {
        assert!(got.is_some_and(|got| (got - want).abs() < 1e-9), "{got:?} is not {want}");
    }

    #[test]
    fn binary_metrics_match_a_calculation_by_hand() {
        // Positive probabilities 0.1 0.4 0.35 0.8 for truth 0 0 1 1: of the four
        // pairs one is in the wrong order.
        let truth = [0.0, 0.0, 1.0, 1.0];
        let predicted = [0.9, 0.1, 0.6, 0.4, 0.65, 0.35, 0.2, 0.8];
        let got = all(Task::Binary, &truth, &predicted, 2);
        close(got.get("auc"), 0.75);
        close(got.get("accuracy"), 0.75);
        close(got.get("f1"), 2.0 / 3.0);
        let loss = -(0.9_f64.ln() + 0.6_f64.ln() + 0.35_f64.ln() + 0.8_f64.ln()) / 4.0;
        close(got.get("log_loss"), loss);
    }

    #[test]
    fn ties_count_half_and_a_single_class_gives_one_half() {
        close(Some(&auc(&[0.0, 1.0], &[0.5, 0.5, 0.5, 0.5], 2)), 0.5);
        close(Some(&auc(&[1.0, 1.0], &[0.5, 0.5, 0.1, 0.9], 2)), 0.5);
    }

    #[test]
    fn multiclass_metrics_are_means_over_classes() {
        // Classes 0 and 1 are right, the only row of class 2 is called 0.
        let truth = [0.0, 1.0, 2.0];
        let predicted = [0.8, 0.1, 0.1, 0.1, 0.8, 0.1, 0.5, 0.2, 0.3];
        let got = all(Task::Multiclass, &truth, &predicted, 3);
        close(got.get("accuracy"), 2.0 / 3.0);
        close(got.get("f1"), (2.0 / 3.0 + 1.0 + 0.0) / 3.0);
        close(got.get("auc"), 1.0);
    }

    #[test]
    fn regression_metrics_match_a_calculation_by_hand() {
        let got = all(Task::Regression, &[1.0, 2.0, 3.0], &[1.0, 2.0, 5.0], 1);
        close(got.get("rmse"), (4.0_f64 / 3.0).sqrt());
        close(got.get("mae"), 2.0 / 3.0);
        close(got.get("r2"), -1.0);
    }
}
