//! Limited-memory BFGS for smooth convex functions; deterministic.

use std::time::Instant;

/// Pairs of steps remembered.
const MEMORY: usize = 10;

/// Minimises `value_and_gradient` (which fills the gradient and returns the value)
/// from `start`, until the largest gradient entry is below `tolerance`, for at most
/// `iterations` steps and not beyond `deadline`; says whether that ended it early.
pub(crate) fn minimise(
    start: Vec<f64>,
    iterations: usize,
    tolerance: f64,
    deadline: Instant,
    mut value_and_gradient: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> (Vec<f64>, bool) {
    let mut point = start;
    let mut gradient = vec![0.0; point.len()];
    let mut value = value_and_gradient(&point, &mut gradient);
    let mut history: Vec<Step> = Vec::new();
    for _ in 0..iterations {
        if largest(&gradient) < tolerance {
            break;
        }
        if Instant::now() > deadline {
            return (point, true);
        }
        let mut direction = direction(&history, &gradient);
        let mut slope = dot(&direction, &gradient);
        if slope >= 0.0 {
            history.clear();
            direction = gradient.iter().map(|g| -g).collect();
            slope = dot(&direction, &gradient);
        }
        let first = history.is_empty();
        let mut length = if first { 1.0 / norm(&gradient).max(1.0) } else { 1.0 };
        let mut next = vec![0.0; point.len()];
        let mut next_gradient = vec![0.0; point.len()];
        let mut found = None;
        for _ in 0..40 {
            for (index, out) in next.iter_mut().enumerate() {
                *out = length.mul_add(direction[index], point[index]);
            }
            let there = value_and_gradient(&next, &mut next_gradient);
            if there.is_finite() && there <= value + 1e-4 * length * slope {
                found = Some(there);
                break;
            }
            length *= 0.5;
        }
        let Some(there) = found else { break };
        remember(&mut history, &point, &next, &gradient, &next_gradient);
        let gain = value - there;
        (point, gradient, value) = (next, next_gradient, there);
        if gain <= 1e-12 * value.abs().max(1e-12) {
            break;
        }
    }
    (point, false)
}

struct Step {
    moved: Vec<f64>,
    turned: Vec<f64>,
    curvature: f64,
}

fn remember(history: &mut Vec<Step>, from: &[f64], to: &[f64], before: &[f64], after: &[f64]) {
    let moved: Vec<f64> = to.iter().zip(from).map(|(a, b)| a - b).collect();
    let turned: Vec<f64> = after.iter().zip(before).map(|(a, b)| a - b).collect();
    let curvature = dot(&moved, &turned);
    if curvature > 1e-12 * dot(&turned, &turned) {
        if history.len() == MEMORY {
            history.remove(0);
        }
        history.push(Step { moved, turned, curvature });
    }
}

fn direction(history: &[Step], gradient: &[f64]) -> Vec<f64> {
    let mut direction: Vec<f64> = gradient.iter().map(|g| -g).collect();
    let mut alphas = Vec::with_capacity(history.len());
    for step in history.iter().rev() {
        let alpha = dot(&step.moved, &direction) / step.curvature;
        add(&mut direction, -alpha, &step.turned);
        alphas.push(alpha);
    }
    if let Some(last) = history.last() {
        let scale = last.curvature / dot(&last.turned, &last.turned);
        for value in &mut direction {
            *value *= scale;
        }
    }
    for (step, alpha) in history.iter().zip(alphas.iter().rev()) {
        let beta = dot(&step.turned, &direction) / step.curvature;
        add(&mut direction, alpha - beta, &step.moved);
    }
    direction
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn largest(a: &[f64]) -> f64 {
    a.iter().fold(0.0, |most, value| value.abs().max(most))
}

fn add(to: &mut [f64], factor: f64, what: &[f64]) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += factor * what;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_finds_the_minimum_of_an_ill_conditioned_bowl() {
        let wanted = [3.0, -2.0, 0.5, 10.0];
        let scale = [1.0, 100.0, 0.01, 10.0];
        let deadline = Instant::now() + Duration::from_secs(5);
        let (found, cut) = minimise(vec![0.0; 4], 500, 1e-9, deadline, |x, gradient| {
            let mut value = 0.0;
            for i in 0..4 {
                let off = x[i] - wanted[i];
                gradient[i] = scale[i] * off;
                value += 0.5 * scale[i] * off * off;
            }
            value
        });
        assert!(!cut);
        for (found, wanted) in found.iter().zip(wanted) {
            assert!((found - wanted).abs() < 1e-4, "{found} is not {wanted}");
        }
    }
}
