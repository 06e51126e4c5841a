//! Rollouts: which version of a model answers, and what came of it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// A rollout to begin.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRollout {
    /// What is to be done.
    pub plan: RolloutPlan,
    /// The version that a rollback leads to; the deployed one by default.
    pub stable: Option<i64>,
    /// Why, for the history.
    pub reason: Option<String>,
}

/// How requests are divided among versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "strategy", rename_all = "snake_case", deny_unknown_fields)]
pub enum RolloutPlan {
    /// Each version gets its share, for good. The same key (`x-cairn-sticky`, else OpenAI's
    /// `safety_identifier` or `user`, else the request's id) gets the same version.
    Fixed {
        /// The shares.
        weights: Vec<RolloutWeight>,
    },
    /// The stable version answers; another gets a copy and is compared.
    Shadow {
        /// The version that gets the copy.
        version: i64,
        /// How many of the requests are copied; all by default.
        #[serde(default = "all")]
        percent: f64,
    },
    /// A version gets more and more requests. It is promoted after the last step and rolled
    /// back when a gate fails.
    Canary {
        /// The new version.
        version: i64,
        /// Its growing shares.
        steps: Vec<RolloutStep>,
        /// What it must keep to; by default at most 5 % failures, from 50 requests on.
        gates: Option<RolloutGates>,
    },
    /// The versions compete for the reward that feedback gives (Thompson sampling).
    Adaptive {
        /// The competitors.
        versions: Vec<i64>,
        /// `binary` (0 to 1), which is the default, or `real`.
        reward: Option<String>,
    },
}

fn all() -> f64 {
    100.0
}

/// A version's share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutWeight {
    /// The version.
    pub version: i64,
    /// Its share, relative to the sum.
    pub weight: f64,
}

/// A step of a canary.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutStep {
    /// The canary's share of the requests.
    pub percent: f64,
    /// How long it lasts at least; 0 by default.
    #[serde(default)]
    pub min_seconds: u64,
    /// How many requests the canary answers at least; 0 by default.
    #[serde(default)]
    pub min_samples: u64,
}

/// What a canary must keep to, over the requests of its current step. A gate fails when the
/// observed value is beyond its limit by more than chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RolloutGates {
    /// Below this many samples no gate says anything; 50 by default.
    pub min_samples: Option<u64>,
    /// Largest share of requests that may fail, of 1.
    pub max_error_rate: Option<f64>,
    /// How much larger that share may be than the stable version's.
    pub max_error_increase: Option<f64>,
    /// Largest 99th percentile of the latency, in milliseconds; of chats, up to their end.
    pub max_p99_ms: Option<f64>,
    /// How many times the stable version's 99th percentile it may be.
    pub max_p99_ratio: Option<f64>,
    /// Least mean reward of feedback.
    pub min_reward: Option<f64>,
    /// How far the mean reward may be below the stable version's.
    pub max_reward_drop: Option<f64>,
}

/// Why a rollout is taken back.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollBack {
    /// For the history.
    pub reason: Option<String>,
}

/// Which version to promote.
#[derive(Clone, Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PromoteRollout {
    /// The version; by default the one on trial, of competing ones the best so far.
    pub version: Option<i64>,
    /// For the history.
    pub reason: Option<String>,
}

/// What somebody thinks of an answer. Either `request_id` or `version`.
#[derive(Clone, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Feedback {
    /// The `x-request-id` of the answer.
    pub request_id: Option<String>,
    /// The version that answered.
    pub version: Option<i64>,
    /// How good it was; more is better.
    pub reward: f64,
}

/// Feedback that was counted.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct FeedbackTaken {
    /// Always `feedback`.
    pub object: &'static str,
    /// The model.
    pub model: String,
    /// The version it counts for.
    pub version: i64,
}

/// A rollout as it stands.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Rollout {
    /// `ro_…`
    pub id: String,
    /// Always `rollout`.
    pub object: &'static str,
    /// The model.
    pub model: String,
    /// `running`, `promoted`, `rolled_back` or `superseded`.
    pub status: &'static str,
    /// What is being done.
    pub plan: RolloutPlan,
    /// The version that a rollback leads to.
    pub stable: i64,
    /// The canary's step, from 0.
    pub step: usize,
    /// When it began, in seconds since 1970.
    pub started_at: i64,
    /// When its step began.
    pub step_since: i64,
    /// What was counted of each version.
    pub arms: Vec<RolloutArm>,
    /// What the gates say.
    pub gates: Vec<RolloutGate>,
    /// The latest changes of which version answers, newest first.
    pub history: Vec<RolloutChange>,
}

/// What was counted of a version since the rollout began.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RolloutArm {
    /// The version.
    pub version: i64,
    /// Its share of the requests now, of 1.
    pub share: f64,
    /// Requests answered or failed.
    pub requests: u64,
    /// Those that failed, also where the version blamed the request.
    pub errors: u64,
    /// Their share, of 1.
    pub error_rate: f64,
    /// Mean latency of the answers in milliseconds.
    pub mean_ms: Option<f64>,
    /// Half of the answers took at most this long.
    pub p50_ms: Option<f64>,
    /// All but 1 % of the answers took at most this long.
    pub p99_ms: Option<f64>,
    /// What feedback said.
    pub rewards: RolloutRewards,
    /// What came of it as a shadow, if it was one.
    pub shadow: Option<RolloutShadow>,
}

/// What feedback said.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RolloutRewards {
    /// How often.
    pub count: u64,
    /// Mean reward.
    pub mean: Option<f64>,
}

/// How a shadow's answers compare with those that callers got.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
pub struct RolloutShadow {
    /// Requests compared.
    pub compared: u64,
    /// Requests the shadow failed.
    pub errors: u64,
    /// Requests not copied because the shadow was busy.
    pub skipped: u64,
    /// Share of rows (of texts, for chats) that differ, of 1.
    pub differing_share: Option<f64>,
    /// Largest difference between two numbers.
    pub max_abs_diff: Option<f64>,
}

/// A gate and what it says.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RolloutGate {
    /// Its name, as in the plan.
    pub gate: &'static str,
    /// What was observed.
    pub observed: Option<f64>,
    /// The limit.
    pub limit: f64,
    /// Samples it rests on.
    pub samples: u64,
    /// `waiting`, `pass`, `unclear` (beyond the limit, which may be chance) or `fail`.
    pub verdict: &'static str,
}

/// A change of which version answers.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct RolloutChange {
    /// Grows.
    pub seq: i64,
    /// When, in seconds since 1970.
    pub at: i64,
    /// The key that acted, or for which the program acted by itself.
    pub by: String,
    /// Whether the program decided by itself.
    pub automatic: bool,
    /// `started`, `advanced`, `promoted`, `rolled_back`, `deployed`, `alias_set`, `alias_deleted`.
    pub action: String,
    /// Why.
    pub reason: String,
    /// The version it is about.
    pub version: Option<i64>,
    /// The rollout it belongs to; empty for a plain deployment or an alias.
    pub rollout: String,
    /// Plan, counters or alias at that moment.
    #[schema(value_type = Object)]
    pub detail: Value,
}
