//! What a rollout is asked to do.

use std::collections::BTreeSet;

use cairn_kernel::{Error, Result};
use serde::{Deserialize, Serialize};

/// Most versions of one rollout.
const ARMS_MAX: usize = 16;
/// Most steps of a canary.
const STEPS_MAX: usize = 50;
/// Longest least duration of a step: 30 days.
const STEP_SECONDS_MAX: u64 = 30 * 86_400;

/// How requests are divided among versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub enum Plan {
    /// Each version gets its share, for good.
    Fixed {
        /// The shares, relative to their sum.
        weights: Vec<Weight>,
    },
    /// The stable version answers; another gets a copy and is compared.
    Shadow {
        /// The version that gets the copy.
        version: i64,
        /// How many of the requests are copied.
        percent: f64,
    },
    /// A version gets more and more, is watched, and ends at all or nothing.
    Canary {
        /// The new version.
        version: i64,
        /// Its growing shares.
        steps: Vec<Step>,
        /// What it must keep to.
        gates: Gates,
    },
    /// The versions compete for reward.
    Adaptive {
        /// The competitors.
        versions: Vec<i64>,
        /// What a reward is.
        reward: Reward,
    },
}

/// A version's share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Weight {
    /// The version.
    pub version: i64,
    /// Its share, relative to the sum.
    pub weight: f64,
}

/// A step of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// The canary's share of the requests.
    pub percent: f64,
    /// How long it lasts at least.
    pub min_seconds: u64,
    /// How many requests the canary answers at least.
    pub min_samples: u64,
}

/// What a canary must keep to. Each gate is over the requests of the current step.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Gates {
    /// Below this many samples no gate says anything.
    pub min_samples: u64,
    /// Largest share of requests that may fail.
    pub max_error_rate: Option<f64>,
    /// How much larger that share may be than the stable version's.
    pub max_error_increase: Option<f64>,
    /// Largest 99th percentile of the latency.
    pub max_p99_ms: Option<f64>,
    /// How many times the stable version's 99th percentile it may be.
    pub max_p99_ratio: Option<f64>,
    /// Least mean reward.
    pub min_reward: Option<f64>,
    /// How far the mean reward may be below the stable version's.
    pub max_reward_drop: Option<f64>,
}

impl Default for Gates {
    /// At most 5 % failures, looked at from 50 requests on.
    fn default() -> Self {
        Self {
            min_samples: 50,
            max_error_rate: Some(0.05),
            max_error_increase: None,
            max_p99_ms: None,
            max_p99_ratio: None,
            min_reward: None,
            max_reward_drop: None,
        }
    }
}

/// What a reward of an adaptive rollout is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reward {
    /// From 0 (bad) to 1 (good).
    #[default]
    Binary,
    /// Any number; more is better.
    Real,
}

impl Plan {
    /// The strategy's name.
    pub fn strategy(&self) -> &'static str {
        match self {
            Self::Fixed { .. } => "fixed",
            Self::Shadow { .. } => "shadow",
            Self::Canary { .. } => "canary",
            Self::Adaptive { .. } => "adaptive",
        }
    }

    /// The versions it names, without the stable one unless it is among them.
    pub fn versions(&self) -> Vec<i64> {
        match self {
            Self::Fixed { weights } => weights.iter().map(|weight| weight.version).collect(),
            Self::Shadow { version, .. } | Self::Canary { version, .. } => vec![*version],
            Self::Adaptive { versions, .. } => versions.clone(),
        }
    }

    /// The one version that is on trial, where there is one.
    pub fn candidate(&self, stable: i64) -> Option<i64> {
        let mut others = self.versions();
        others.retain(|version| *version != stable);
        match others[..] {
            [one] => Some(one),
            _ => None,
        }
    }

    /// Checks the plan beside the version that is stable.
    ///
    /// # Errors
    /// `Invalid`, naming the field and what it may be.
    pub fn check(&self, stable: i64) -> Result<()> {
        distinct(&self.versions())?;
        match self {
            Self::Fixed { weights } => check_weights(weights),
            Self::Shadow { version, percent } => {
                other_than(*version, stable)?;
                within("percent", *percent, 0.0, 100.0)
            }
            Self::Canary { version, steps, gates } => {
                other_than(*version, stable)?;
                check_steps(steps)?;
                gates.check(steps)
            }
            Self::Adaptive { versions, .. } if versions.len() < 2 => Err(wrong(
                "versions",
                &format!("has {} versions; name at least two to choose from", versions.len()),
            )),
            Self::Adaptive { .. } => Ok(()),
        }
    }
}

impl Gates {
    fn relative(&self) -> bool {
        self.max_error_increase.is_some()
            || self.max_p99_ratio.is_some()
            || self.max_reward_drop.is_some()
    }

    fn check(&self, steps: &[Step]) -> Result<()> {
        if self.min_samples == 0 {
            return Err(wrong("gates.min_samples", "is 0; it must be at least 1"));
        }
        let shares = [
            ("gates.max_error_rate", self.max_error_rate),
            ("gates.max_error_increase", self.max_error_increase),
        ];
        for (name, share) in shares {
            within(name, share.unwrap_or(0.0), 0.0, 1.0)?;
        }
        let positive =
            [("gates.max_p99_ms", self.max_p99_ms), ("gates.max_p99_ratio", self.max_p99_ratio)];
        for (name, value) in positive {
            if value.is_some_and(|value| !(value.is_finite() && value > 0.0)) {
                return Err(wrong(name, "must be a number above 0"));
            }
        }
        let numbers = [
            ("gates.min_reward", self.min_reward),
            ("gates.max_reward_drop", self.max_reward_drop),
        ];
        for (name, value) in numbers {
            if value.is_some_and(|value| !value.is_finite()) {
                return Err(wrong(name, "must be a finite number"));
            }
        }
        if self.relative() && steps.first().is_none_or(|step| step.percent >= 100.0) {
            return Err(wrong(
                "gates",
                "compare with the stable version, which gets no requests; begin below 100 percent",
            ));
        }
        Ok(())
    }
}

fn check_weights(weights: &[Weight]) -> Result<()> {
    if weights.is_empty() {
        return Err(wrong("weights", "is empty; name at least one version"));
    }
    if let Some(odd) = weights.iter().find(|w| !(w.weight.is_finite() && w.weight >= 0.0)) {
        let said =
            format!("gives version {} the weight {}; use 0 or more", odd.version, odd.weight);
        return Err(wrong("weights", &said));
    }
    let sum: f64 = weights.iter().map(|weight| weight.weight).sum();
    if sum > 0.0 && sum.is_finite() {
        return Ok(());
    }
    Err(wrong("weights", "add up to nothing; give one version more than 0"))
}

fn check_steps(steps: &[Step]) -> Result<()> {
    if steps.is_empty() || steps.len() > STEPS_MAX {
        let said = format!("has {} steps; give between 1 and {STEPS_MAX}", steps.len());
        return Err(wrong("steps", &said));
    }
    let mut before = 0.0;
    for step in steps {
        if !(step.percent > before && step.percent <= 100.0) {
            return Err(wrong(
                "steps",
                &format!("go from {before} to {} percent; they must grow, up to 100", step.percent),
            ));
        }
        if step.min_seconds > STEP_SECONDS_MAX {
            let said = format!("has a step of {} seconds; 30 days at most", step.min_seconds);
            return Err(wrong("steps", &said));
        }
        before = step.percent;
    }
    Ok(())
}

fn distinct(versions: &[i64]) -> Result<()> {
    if versions.len() > ARMS_MAX {
        let said = format!("names {} versions; at most {ARMS_MAX}", versions.len());
        return Err(wrong("versions", &said));
    }
    let mut seen = BTreeSet::new();
    match versions.iter().find(|version| !seen.insert(**version)) {
        Some(twice) => Err(wrong("versions", &format!("names version {twice} twice"))),
        None => Ok(()),
    }
}

fn other_than(version: i64, stable: i64) -> Result<()> {
    if version != stable {
        return Ok(());
    }
    let said = format!("is {version}, which is the stable version already; name another");
    Err(wrong("version", &said))
}

fn within(name: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(());
    }
    Err(wrong(name, &format!("is {value}; it must be from {low} to {high}")))
}

fn wrong(name: &str, said: &str) -> Error {
    Error::invalid(format!("the rollout's {name} {said}")).with_param(name)
}
