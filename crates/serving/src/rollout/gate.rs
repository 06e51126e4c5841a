//! Whether a canary keeps to its gates, and how sure that is.

use serde::{Deserialize, Serialize};

use super::arm::{Counters, Moments};
use super::histogram::float;
use super::plan::Gates;

/// How many standard errors beyond its limit a value must be before a rollback.
/// Gates are looked at again and again, so each look needs more certainty (0.1 %,
/// one-sided) than a single one would.
const Z: f64 = 3.0;
/// The share of requests above the 99th percentile.
const TAIL: f64 = 0.01;

/// What a gate says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Too few samples to say anything.
    Waiting,
    /// Within the limit.
    Pass,
    /// Beyond the limit, which may yet be chance.
    Unclear,
    /// Surely beyond the limit.
    Fail,
}

impl Verdict {
    /// The name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Pass => "pass",
            Self::Unclear => "unclear",
            Self::Fail => "fail",
        }
    }
}

/// A gate and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its name, as in the plan.
    pub gate: &'static str,
    /// What was observed; `None` while there is nothing.
    pub observed: Option<f64>,
    /// The limit.
    pub limit: f64,
    /// Samples it rests on.
    pub samples: u64,
    /// What it says.
    pub verdict: Verdict,
}

impl Finding {
    /// The finding as a reason for a decision.
    pub fn say(&self) -> String {
        let observed = self.observed.unwrap_or_default();
        format!(
            "gate {}: {observed:.4} over {} samples, limit {}",
            self.gate, self.samples, self.limit
        )
    }
}

/// What every gate that is set says of `canary` beside `stable`.
pub(super) fn findings(gates: &Gates, canary: &Counters, stable: &Counters) -> Vec<Finding> {
    let least = gates.min_samples;
    let mut found = Vec::new();
    if let Some(limit) = gates.max_error_rate {
        let judged = Judged::share(canary.errors, canary.requests, limit);
        found.push(judged.finding("max_error_rate", canary.requests, least));
    }
    if let Some(limit) = gates.max_error_increase {
        let judged = Judged::increase(canary, stable, limit);
        found.push(judged.finding(
            "max_error_increase",
            canary.requests.min(stable.requests),
            least,
        ));
    }
    if let Some(limit) = gates.max_p99_ms {
        let judged = Judged::tail(canary, limit);
        found.push(judged.finding("max_p99_ms", canary.latency.count(), least));
    }
    if let Some(ratio) = gates.max_p99_ratio {
        let limit = stable.latency.quantile_ms(1.0 - TAIL).unwrap_or(f64::INFINITY) * ratio;
        let judged = Judged::tail(canary, limit);
        let samples = canary.latency.count().min(stable.latency.count());
        let mut finding = judged.finding("max_p99_ratio", samples, least);
        // Told as the ratio that the plan limits.
        finding.observed = finding.observed.map(|ms| ms * ratio / limit);
        finding.limit = ratio;
        found.push(finding);
    }
    if let Some(limit) = gates.min_reward {
        let mean = canary.rewards;
        // Rewards are better when larger, so signs are turned.
        let judged = Judged::beyond(-mean.mean, -limit, error(&mean));
        let mut finding = judged.finding("min_reward", mean.count, least);
        finding.observed = finding.observed.map(|value| -value);
        finding.limit = limit;
        found.push(finding);
    }
    if let Some(limit) = gates.max_reward_drop {
        let (ours, theirs) = (canary.rewards, stable.rewards);
        let spread = error(&ours).hypot(error(&theirs));
        let judged = Judged::beyond(theirs.mean - ours.mean, limit, spread);
        found.push(judged.finding("max_reward_drop", ours.count.min(theirs.count), least));
    }
    found
}

struct Judged {
    observed: f64,
    limit: f64,
    /// Whether `observed` is beyond the limit by more than chance.
    sure: bool,
    /// Whether it is beyond it at all.
    beyond: bool,
}

impl Judged {
    fn beyond(observed: f64, limit: f64, standard_error: f64) -> Self {
        let sure = observed - Z * standard_error > limit;
        Self { observed, limit, sure, beyond: observed > limit }
    }

    fn share(hits: u64, of: u64, limit: f64) -> Self {
        let observed = if of == 0 { 0.0 } else { float(hits) / float(of) };
        Self { observed, limit, sure: least_share(hits, of) > limit, beyond: observed > limit }
    }

    fn increase(canary: &Counters, stable: &Counters, limit: f64) -> Self {
        let variance = |arm: &Counters| {
            // With a failure and a success more, so that a rate of 0 is not taken for certain.
            let (n, hits) = (float(arm.requests) + 2.0, float(arm.errors) + 1.0);
            (hits / n) * (1.0 - hits / n) / n
        };
        let observed = canary.error_rate() - stable.error_rate();
        Self::beyond(observed, limit, (variance(canary) + variance(stable)).sqrt())
    }

    /// The 99th percentile is above a limit when more than 1 % of the answers are.
    fn tail(canary: &Counters, limit: f64) -> Self {
        let (above, of) = (canary.latency.above(limit), canary.latency.count());
        let share = Self::share(above, of, TAIL);
        let observed = canary.latency.quantile_ms(1.0 - TAIL).unwrap_or_default();
        Self { observed, limit, ..share }
    }

    fn finding(self, gate: &'static str, samples: u64, least: u64) -> Finding {
        let verdict = match self {
            _ if samples < least => Verdict::Waiting,
            Self { sure: true, .. } => Verdict::Fail,
            Self { beyond: true, .. } => Verdict::Unclear,
            Self { .. } => Verdict::Pass,
        };
        let observed = (samples > 0).then_some(self.observed);
        Finding { gate, observed, limit: self.limit, samples, verdict }
    }
}

/// The standard error of a mean.
fn error(moments: &Moments) -> f64 {
    if moments.count == 0 { 0.0 } else { (moments.variance() / float(moments.count)).sqrt() }
}

/// The lower end of Wilson's interval for a share.
fn least_share(hits: u64, of: u64) -> f64 {
    if of == 0 {
        return 0.0;
    }
    let (n, p) = (float(of), float(hits) / float(of));
    let z2 = Z * Z;
    let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    ((p + z2 / (2.0 * n) - spread) / (1.0 + z2 / n)).max(0.0)
}
