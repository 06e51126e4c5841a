use std::time::Duration;

use super::*;
use crate::data::encode::Category;
use crate::metrics;
use crate::rng::Rng;

fn problem(task: Task, outputs: usize, of: impl Fn(&[f32; 2], u32, &mut Rng) -> f64) -> Problem {
    let mut rng = Rng::new(3);
    let rows = 2000;
    let mut data = Encoded { numeric: vec![Vec::new(); 2], categorical: Vec::new() };
    let mut codes = Vec::new();
    let mut target = Vec::new();
    for _ in 0..rows {
        let x = [rng.unit() as f32 * 10.0, rng.unit() as f32 - 0.5];
        let code = rng.below(3) as u32;
        target.push(of(&x, code, &mut rng));
        data.numeric[0].push(x[0]);
        data.numeric[1].push(x[1]);
        codes.push(code);
    }
    data.categorical.push(Category { codes, size: 5 });
    Problem { task, data, target, outputs, seed: 0 }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[test]
fn ridge_recovers_the_plane_it_was_given() {
    let problem = problem(Task::Regression, 1, |x, code, _| {
        f64::from(x[0]) * 2.0 - f64::from(x[1]) * 3.0 + f64::from(code)
    });
    let rows: Vec<usize> = (0..2000).collect();
    let model = fit(&problem, &rows, 1e-3, soon());
    let predicted = model.predict(&problem, &rows);
    let error =
        problem.target.iter().zip(&predicted).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
    assert!(error < 1e-2, "off by {error}");
}

#[test]
fn logistic_gives_back_the_probabilities_that_made_the_data() {
    let truth = |x: &[f32; 2]| 1.0 / (1.0 + (-(f64::from(x[0]) - 5.0)).exp());
    let problem = problem(Task::Binary, 2, |x, _, rng| f64::from(rng.unit() < truth(x)));
    let rows: Vec<usize> = (0..2000).collect();
    let model = fit(&problem, &rows, 1.0, soon());
    let predicted = model.predict(&problem, &rows);
    let off = (0..2000).map(|row| {
        let x = [problem.data.numeric[0][row], 0.0];
        (predicted[2 * row + 1] - truth(&x)).abs()
    });
    let mean = off.sum::<f64>() / 2000.0;
    assert!(mean < 0.03, "off by {mean}");
}

#[test]
fn multinomial_separates_three_classes_and_uses_the_category() {
    let problem = problem(Task::Multiclass, 3, |_, code, _| f64::from(code));
    let rows: Vec<usize> = (0..2000).collect();
    let predicted = fit(&problem, &rows, 1.0, soon()).predict(&problem, &rows);
    let found = metrics::all(Task::Multiclass, &problem.target, &predicted, 3);
    assert_eq!(found.get("accuracy"), Some(&1.0));
}

#[test]
fn a_missing_number_has_a_weight_of_its_own() {
    let mut problem = problem(Task::Regression, 1, |_, _, _| 0.0);
    for row in 0..2000 {
        if row % 4 == 0 {
            problem.data.numeric[0][row] = f32::NAN;
            problem.target[row] = 5.0;
        }
    }
    let rows: Vec<usize> = (0..2000).collect();
    let predicted = fit(&problem, &rows, 1e-2, soon()).predict(&problem, &rows);
    assert!((predicted[0] - 5.0).abs() < 0.01 && predicted[1].abs() < 0.01);
}
