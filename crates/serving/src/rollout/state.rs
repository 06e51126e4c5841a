//! A rollout under way.

use std::collections::BTreeMap;

use cairn_kernel::Timestamp;
use rand::Rng;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::arm::{Arm, Counters};
use super::compare::Difference;
use super::gate::{Finding, Verdict, findings};
use super::plan::{Plan, Reward};
use super::posterior;

/// How a rollout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It divides requests.
    Running,
    /// A version of it was promoted and answers everything.
    Promoted,
    /// It was taken back; the stable version answers everything.
    RolledBack,
    /// A deployment or another rollout took its place.
    Superseded,
}

impl Status {
    /// The name on the wire and in the records.
    pub fn name(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Promoted => "promoted",
            Self::RolledBack => "rolled_back",
            Self::Superseded => "superseded",
        }
    }
}

/// A plan, how far it is, and what was counted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct State {
    /// What is to be done.
    pub plan: Plan,
    /// The version that a rollback leads to.
    pub stable: i64,
    /// How it stands.
    pub status: Status,
    /// The canary's step, from 0.
    pub step: usize,
    /// When it began.
    pub started_at: Timestamp,
    /// When its step began.
    pub step_since: Timestamp,
    /// What was counted of each version.
    pub arms: BTreeMap<i64, Arm>,
    /// Makes the division of one model independent of that of another. It stays the
    /// same from one rollout to the next, so that keys stay where they are.
    salt: String,
}

/// Which version answers, and which gets a copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice {
    /// The version that answers.
    pub version: i64,
    /// The version that gets a copy.
    pub shadow: Option<i64>,
}

/// What came of a request.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Outcome {
    /// Whether it was answered.
    pub ok: bool,
    /// How long that took.
    pub latency_ms: f64,
}

/// What a rollout does next.
#[derive(Clone, Debug, PartialEq)]
pub enum Decision {
    /// The canary goes on to this step.
    Advance {
        /// The step, from 0.
        step: usize,
        /// Why.
        reason: String,
    },
    /// This version answers everything from now on.
    Promote {
        /// The version.
        version: i64,
        /// Why.
        reason: String,
    },
    /// The stable version answers everything from now on.
    RollBack {
        /// Why.
        reason: String,
    },
    /// Something else took its place.
    Supersede {
        /// What.
        reason: String,
    },
}

impl Decision {
    /// The name in the audit.
    pub fn action(&self) -> &'static str {
        match self {
            Self::Advance { .. } => "advanced",
            Self::Promote { .. } => "promoted",
            Self::RollBack { .. } => "rolled_back",
            Self::Supersede { .. } => "superseded",
        }
    }

    /// Why.
    pub fn reason(&self) -> &str {
        match self {
            Self::Advance { reason, .. }
            | Self::Promote { reason, .. }
            | Self::RollBack { reason }
            | Self::Supersede { reason } => reason,
        }
    }
}

impl State {
    /// Begins a plan that was checked. `salt` names the model.
    pub fn begin(plan: Plan, stable: i64, salt: impl Into<String>, now: Timestamp) -> Self {
        let versions = plan.versions().into_iter().chain([stable]);
        let arms = versions.map(|version| (version, Arm::default())).collect();
        Self {
            plan,
            stable,
            status: Status::Running,
            step: 0,
            started_at: now,
            step_since: now,
            arms,
            salt: salt.into(),
        }
    }

    /// Whether it divides requests.
    pub fn is_running(&self) -> bool {
        self.status == Status::Running
    }

    /// The version for the request with this key, and perhaps one for a copy. An
    /// adaptive rollout draws from `rng`; the others depend on the key alone.
    pub fn choose(&self, key: &str, rng: &mut impl Rng) -> Choice {
        let alone = |version| Choice { version, shadow: None };
        if !self.is_running() {
            return alone(self.stable);
        }
        match &self.plan {
            Plan::Fixed { .. } | Plan::Canary { .. } => alone(self.divide(key)),
            Plan::Shadow { version, percent } => {
                let copied = self.position(key, *version) * 100.0 < *percent;
                Choice { version: self.stable, shadow: copied.then_some(*version) }
            }
            Plan::Adaptive { versions, reward } => alone(self.draw(versions, *reward, rng)),
        }
    }

    /// Each version's share of the requests, of 1. An adaptive rollout's is what
    /// `rng` draws of it.
    pub fn shares(&self, rng: &mut impl Rng) -> Vec<(i64, f64)> {
        if let (true, Plan::Adaptive { versions, reward }) = (self.is_running(), &self.plan) {
            const DRAWS: u32 = 1000;
            let mut wins: BTreeMap<i64, u32> = self.arms.keys().map(|arm| (*arm, 0)).collect();
            for _ in 0..DRAWS {
                *wins.entry(self.draw(versions, *reward, rng)).or_default() += 1;
            }
            let share = |wins: u32| f64::from(wins) / f64::from(DRAWS);
            return wins.into_iter().map(|(version, wins)| (version, share(wins))).collect();
        }
        let weights = self.weights();
        let sum: f64 = weights.iter().map(|(_, weight)| weight).sum();
        weights.into_iter().map(|(version, weight)| (version, weight / sum)).collect()
    }

    /// What each arm weighs; where nothing is divided, the stable version alone.
    fn weights(&self) -> Vec<(i64, f64)> {
        match &self.plan {
            Plan::Fixed { weights } if self.is_running() => {
                weights.iter().map(|weight| (weight.version, weight.weight)).collect()
            }
            Plan::Canary { version, steps, .. } if self.is_running() => {
                let percent = steps.get(self.step).map_or(0.0, |step| step.percent);
                vec![(self.stable, 100.0 - percent), (*version, percent)]
            }
            _ => vec![(self.stable, 1.0)],
        }
    }

    /// Weighted rendezvous: the arm with the least `-ln(u) / weight`.
    fn divide(&self, key: &str) -> i64 {
        let score = |(version, weight): &(i64, f64)| -self.position(key, *version).ln() / weight;
        self.weights()
            .into_iter()
            .filter(|(_, weight)| *weight > 0.0)
            .min_by(|a, b| score(a).total_cmp(&score(b)))
            .map_or(self.stable, |(version, _)| version)
    }

    /// A number between 0 and 1, both excluded, that depends on model, key and version.
    fn position(&self, key: &str, version: i64) -> f64 {
        let mut hash = Sha256::new();
        for part in [self.salt.as_bytes(), key.as_bytes(), &version.to_le_bytes()] {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let digest = hash.finalize();
        let high = digest.iter().take(8).fold(0_u64, |high, byte| (high << 8) | u64::from(*byte));
        (super::histogram::float(high >> 11) + 0.5) / super::histogram::float(1 << 53)
    }

    fn draw(&self, versions: &[i64], reward: Reward, rng: &mut impl Rng) -> i64 {
        let arms: Vec<_> = versions
            .iter()
            .map(|version| {
                self.arms.get(version).map_or_else(Default::default, |a| a.total.rewards)
            })
            .collect();
        let draws = posterior::draws(&arms, reward, rng);
        let best = versions.iter().zip(draws).max_by(|a, b| a.1.total_cmp(&b.1));
        best.map_or(self.stable, |(version, _)| *version)
    }

    /// Counts what came of a request. A version that is no arm is not counted.
    pub fn observe(&mut self, version: i64, outcome: Outcome) {
        self.count(version, |counters| {
            counters.requests += 1;
            if outcome.ok {
                counters.latency.add(outcome.latency_ms);
            } else {
                counters.errors += 1;
            }
        });
    }

    /// Counts a reward; whether the version is an arm.
    pub fn reward(&mut self, version: i64, value: f64) -> bool {
        self.count(version, |counters| counters.rewards.add(value))
    }

    fn count(&mut self, version: i64, change: impl Fn(&mut Counters)) -> bool {
        let Some(arm) = self.arms.get_mut(&version) else { return false };
        change(&mut arm.total);
        change(&mut arm.step);
        true
    }

    /// Counts a shadow's answer: how it differs, or that it failed.
    pub fn compared(&mut self, version: i64, difference: Option<&Difference>) {
        if let Some(arm) = self.arms.get_mut(&version) {
            match difference {
                Some(difference) => arm.shadow.add(difference),
                None => arm.shadow.errors += 1,
            }
        }
    }

    /// Counts a request that the shadow was too busy for.
    pub fn skipped(&mut self, version: i64) {
        if let Some(arm) = self.arms.get_mut(&version) {
            arm.shadow.skipped += 1;
        }
    }

    /// What the gates say; empty where there are none.
    pub fn findings(&self) -> Vec<Finding> {
        let Plan::Canary { version, gates, .. } = &self.plan else { return Vec::new() };
        match (self.arms.get(version), self.arms.get(&self.stable)) {
            // The stable version gets ever less, so all of it counts.
            (Some(canary), Some(stable)) => findings(gates, &canary.step, &stable.total),
            _ => Vec::new(),
        }
    }

    /// What is to be done at `now`, if anything.
    pub fn tick(&self, now: Timestamp) -> Option<Decision> {
        let Plan::Canary { version, steps, .. } = &self.plan else { return None };
        if !self.is_running() {
            return None;
        }
        let findings = self.findings();
        if let Some(failed) = findings.iter().find(|found| found.verdict == Verdict::Fail) {
            return Some(Decision::RollBack { reason: failed.say() });
        }
        let step = steps.get(self.step)?;
        let samples = self.arms.get(version).map_or(0, |arm| arm.step.requests);
        let lasted = u64::try_from(now - self.step_since).unwrap_or(0);
        let whole = lasted >= step.min_seconds * 1000 && samples >= step.min_samples;
        if !whole || findings.iter().any(|found| found.verdict != Verdict::Pass) {
            return None;
        }
        let reason = format!(
            "{samples} requests at {} percent over {} s, every gate passed",
            step.percent,
            lasted / 1000
        );
        Some(match steps.get(self.step + 1) {
            Some(_) => Decision::Advance { step: self.step + 1, reason },
            None => Decision::Promote { version: *version, reason },
        })
    }

    /// Does what was decided. Counters of the step begin anew with it.
    pub fn apply(&mut self, decision: &Decision, now: Timestamp) {
        match decision {
            Decision::Advance { step, .. } => {
                self.step = *step;
                self.step_since = now;
                for arm in self.arms.values_mut() {
                    arm.step = Counters::default();
                }
            }
            Decision::Promote { .. } => self.status = Status::Promoted,
            Decision::RollBack { .. } => self.status = Status::RolledBack,
            Decision::Supersede { .. } => self.status = Status::Superseded,
        }
    }

    /// The version to promote when the caller names none: the one on trial, or of
    /// competing ones the one with the best mean reward.
    pub fn favourite(&self) -> Option<i64> {
        if let Plan::Adaptive { versions, .. } = &self.plan {
            let mean = |version: &i64| {
                let rewards = self.arms.get(version)?.total.rewards;
                (rewards.count > 0).then_some(rewards.mean)
            };
            let rated = versions.iter().filter_map(|version| Some((*version, mean(version)?)));
            return rated.max_by(|a, b| a.1.total_cmp(&b.1)).map(|(version, _)| version);
        }
        self.plan.candidate(self.stable)
    }
}
