//! What was counted of one version.

use serde::{Deserialize, Serialize};

use super::compare::Difference;
use super::histogram::{Histogram, float};

/// One version within a rollout.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Arm {
    /// Since the rollout began.
    pub total: Counters,
    /// Since its current step began.
    pub step: Counters,
    /// As a shadow.
    pub shadow: Compared,
}

/// Requests and what came of them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Requests answered or failed; a request its caller gave up is not counted.
    pub requests: u64,
    /// Those of them that failed.
    pub errors: u64,
    /// How long the answers took; failures are not in it, since they can be quick.
    pub latency: Histogram,
    /// What feedback said.
    pub rewards: Moments,
}

impl Counters {
    /// Share of the requests that failed, 0 without any.
    pub fn error_rate(&self) -> f64 {
        if self.requests == 0 { 0.0 } else { float(self.errors) / float(self.requests) }
    }
}

/// Count, mean and variance of numbers, in one pass (Welford).
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Moments {
    /// How many.
    pub count: u64,
    /// Their mean, 0 without any.
    pub mean: f64,
    squares: f64,
}

impl Moments {
    /// Adds a number.
    pub fn add(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / float(self.count);
        self.squares += before * (value - self.mean);
    }

    /// Their sum.
    pub fn sum(&self) -> f64 {
        self.mean * float(self.count)
    }

    /// Their variance; 0 for fewer than two.
    pub fn variance(&self) -> f64 {
        if self.count < 2 { 0.0 } else { self.squares / float(self.count - 1) }
    }
}

/// How a shadow's answers compare with those that callers got.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Compared {
    /// Requests compared.
    pub compared: u64,
    /// Requests the shadow failed.
    pub errors: u64,
    /// Requests not copied because the shadow was busy.
    pub skipped: u64,
    /// Rows (or texts) compared.
    pub rows: u64,
    /// Those that differ.
    pub differing_rows: u64,
    /// Largest difference between two numbers; `None` until numbers were compared.
    pub max_abs_diff: Option<f64>,
}

impl Compared {
    pub(super) fn add(&mut self, difference: &Difference) {
        self.compared += 1;
        self.rows += difference.rows;
        self.differing_rows += difference.differing_rows;
        if let Some(found) = difference.max_abs_diff {
            self.max_abs_diff = Some(self.max_abs_diff.map_or(found, |held| held.max(found)));
        }
    }

    /// Share of the rows that differ; `None` until some were compared.
    pub fn differing_share(&self) -> Option<f64> {
        (self.rows > 0).then(|| float(self.differing_rows) / float(self.rows))
    }
}
