//! Which rows train, validate and test. Classes keep their shares.

use crate::api::Task;
use crate::rng::Rng;

/// Most rows held out: beyond this the test metrics gain nothing.
const TEST_ROWS_MAX: usize = 50_000;

/// Row positions for testing and for fitting, each in ascending order.
#[derive(Debug, PartialEq)]
pub(crate) struct Holdout {
    pub(crate) train: Vec<usize>,
    pub(crate) test: Vec<usize>,
}

/// Holds out `fraction` of the rows, class by class. A class with fewer than two
/// rows to spare stays in the training part.
pub(crate) fn holdout(task: Task, target: &[f64], fraction: f64, seed: u64) -> Holdout {
    let fraction = fraction.min(TEST_ROWS_MAX as f64 / target.len().max(1) as f64);
    let mut rng = Rng::new(seed);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for mut rows in strata(task, target) {
        rng.shuffle(&mut rows);
        let held = ((rows.len() as f64 * fraction).round() as usize).min(rows.len() - 1);
        test.extend_from_slice(&rows[..held]);
        train.extend_from_slice(&rows[held..]);
    }
    train.sort_unstable();
    test.sort_unstable();
    Holdout { train, test }
}

/// At most about `count` of `rows`, with every class kept in its share.
pub(crate) fn sample(
    task: Task,
    target: &[f64],
    rows: &[usize],
    count: usize,
    seed: u64,
) -> Vec<usize> {
    let share = count as f64 / rows.len().max(1) as f64;
    let mut rng = Rng::new(seed ^ 0x5a3b);
    let part = rows.iter().map(|row| target[*row]).collect::<Vec<_>>();
    let mut kept = Vec::new();
    for mut members in strata(task, &part) {
        rng.shuffle(&mut members);
        let few = ((members.len() as f64 * share).ceil() as usize).max(2);
        kept.extend(members.iter().take(few).map(|member| rows[*member]));
    }
    kept.sort_unstable();
    kept
}

/// Deals `rows` into `folds` parts, class by class.
pub(crate) fn folds(
    task: Task,
    target: &[f64],
    rows: &[usize],
    folds: usize,
    seed: u64,
) -> Vec<Vec<usize>> {
    let mut rng = Rng::new(seed ^ 0xf01d);
    let mut parts = vec![Vec::new(); folds.max(2)];
    let part = rows.iter().map(|row| target[*row]).collect::<Vec<_>>();
    let mut next = 0;
    for mut members in strata(task, &part) {
        rng.shuffle(&mut members);
        for member in members {
            let count = parts.len();
            parts[next % count].push(rows[member]);
            next += 1;
        }
    }
    for part in &mut parts {
        part.sort_unstable();
    }
    parts
}

/// Positions by class; for numbers one stratum per tenth of the sorted target.
fn strata(task: Task, target: &[f64]) -> Vec<Vec<usize>> {
    let mut order: Vec<usize> = (0..target.len()).collect();
    order.sort_by(|a, b| target[*a].total_cmp(&target[*b]).then(a.cmp(b)));
    if task == Task::Regression {
        let size = target.len().div_ceil(10).max(1);
        return order.chunks(size).map(<[usize]>::to_vec).collect();
    }
    let mut strata: Vec<Vec<usize>> = Vec::new();
    for row in order {
        match strata.last_mut() {
            Some(last) if last.first().is_some_and(|first| target[*first] == target[row]) => {
                last.push(row);
            }
            _ => strata.push(vec![row]),
        }
    }
    strata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holdout_keeps_the_shares_of_the_classes() {
        let target: Vec<f64> = (0..1000).map(|row| f64::from(row % 10 == 0)).collect();
        let split = holdout(Task::Binary, &target, 0.2, 7);
        assert_eq!(split.test.len(), 200);
        assert_eq!(split.test.iter().filter(|row| target[**row] == 1.0).count(), 20);
        let mut all = [split.train.clone(), split.test.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..1000).collect::<Vec<_>>());
        assert_eq!(split, holdout(Task::Binary, &target, 0.2, 7));
        assert_ne!(split, holdout(Task::Binary, &target, 0.2, 8));
    }

    #[test]
    fn folds_are_disjoint_complete_and_stratified() {
        let target: Vec<f64> = (0..100).map(|row| f64::from(row < 5)).collect();
        let rows: Vec<usize> = (0..100).collect();
        let parts = folds(Task::Binary, &target, &rows, 5, 1);
        for part in &parts {
            assert_eq!(part.len(), 20);
            assert_eq!(part.iter().filter(|row| target[**row] == 1.0).count(), 1);
        }
        let mut all = parts.concat();
        all.sort_unstable();
        assert_eq!(all, rows);
    }

    #[test]
    fn a_sample_keeps_rare_classes() {
        let target: Vec<f64> = (0..1000).map(|row| f64::from(row < 4)).collect();
        let rows: Vec<usize> = (0..1000).collect();
        let kept = sample(Task::Binary, &target, &rows, 100, 1);
        assert!((100..=102).contains(&kept.len()));
        assert_eq!(kept.iter().filter(|row| target[**row] == 1.0).count(), 2);
    }

    #[test]
    fn a_lone_row_of_a_class_is_never_held_out() {
        let mut target = vec![0.0; 30];
        target[3] = 1.0;
        let split = holdout(Task::Binary, &target, 0.9, 0);
        assert!(split.train.contains(&3));
    }
}
