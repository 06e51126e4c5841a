//! Rollouts of models.

use axum::extract::{Path, State};
use cairn_kernel::{Error, Result, ResultExt as _};
use cairn_services::Services;
use cairn_services::records::RolloutEventRow;
use cairn_services::rollouts::{self as held, Arm, Finding, Gates, Plan, Report, Reward};
use cairn_wire::cairn::{
    Feedback, FeedbackTaken, PromoteRollout, RollBack, Rollout, RolloutArm, RolloutChange,
    RolloutGate, RolloutGates, RolloutPlan, RolloutRewards, RolloutShadow, RolloutStep,
    RolloutWeight, SetRollout,
};
use cairn_wire::openai::List;

use crate::error::ApiResult;
use crate::extract::{Caller, Json};

/// Begins a rollout in the place of the one under way. Each of its versions is loaded first.
#[utoipa::path(put, path = "/cairn/v1/models/{name}/rollout", tag = "models", params(("name" = String, Path, description = "the model")), request_body = SetRollout, responses((status = 200, body = Rollout)))]
pub(crate) async fn set(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
    Json(wanted): Json<SetRollout>,
) -> ApiResult<axum::Json<Rollout>> {
    let reason = wanted.reason.unwrap_or_default();
    let plan = plan(wanted.plan)?;
    let report = services.models.roll_out(&scope, &name, plan, wanted.stable, reason).await?;
    Ok(axum::Json(wire(report)?))
}

/// The rollout of a model, also one that has ended.
#[utoipa::path(get, path = "/cairn/v1/models/{name}/rollout", tag = "models", params(("name" = String, Path, description = "the model")), responses((status = 200, body = Rollout)))]
pub(crate) async fn show(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
) -> ApiResult<axum::Json<Rollout>> {
    Ok(axum::Json(wire(services.rollouts.get(&scope, &name).await?)?))
}

/// Has the stable version answer everything, at once.
#[utoipa::path(post, path = "/cairn/v1/models/{name}/rollout/rollback", tag = "models", params(("name" = String, Path, description = "the model")), request_body = RollBack, responses((status = 200, body = Rollout)))]
pub(crate) async fn roll_back(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
    Json(wanted): Json<RollBack>,
) -> ApiResult<axum::Json<Rollout>> {
    let reason = wanted.reason.unwrap_or_default();
    Ok(axum::Json(wire(services.rollouts.roll_back(&scope, &name, reason).await?)?))
}

/// Has one version of the rollout answer everything.
#[utoipa::path(post, path = "/cairn/v1/models/{name}/rollout/promote", tag = "models", params(("name" = String, Path, description = "the model")), request_body = PromoteRollout, responses((status = 200, body = Rollout)))]
pub(crate) async fn promote(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
    Json(wanted): Json<PromoteRollout>,
) -> ApiResult<axum::Json<Rollout>> {
    let reason = wanted.reason.unwrap_or_default();
    let report = services.rollouts.promote(&scope, &name, wanted.version, reason).await?;
    Ok(axum::Json(wire(report)?))
}

/// Says how good an answer was.
#[utoipa::path(post, path = "/cairn/v1/models/{name}/feedback", tag = "models", params(("name" = String, Path, description = "the model")), request_body = Feedback, responses((status = 200, body = FeedbackTaken)))]
pub(crate) async fn feedback(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
    Json(given): Json<Feedback>,
) -> ApiResult<axum::Json<FeedbackTaken>> {
    let given = held::Feedback {
        request_id: given.request_id,
        version: given.version,
        reward: given.reward,
    };
    let version = services.rollouts.feedback(&scope, &name, &given).await?;
    Ok(axum::Json(FeedbackTaken { object: "feedback", model: name, version }))
}

/// The last changes of which version of a model answers: rollouts, deployments, aliases.
#[utoipa::path(get, path = "/cairn/v1/models/{name}/history", tag = "models", params(("name" = String, Path, description = "the model")), responses((status = 200, body = List<RolloutChange>)))]
pub(crate) async fn history(
    State(services): State<Services>,
    Caller(scope): Caller,
    Path(name): Path<String>,
) -> ApiResult<axum::Json<List<RolloutChange>>> {
    let rows = services.rollouts.history(&scope, &name).await?;
    let changes = rows.into_iter().map(change_of).collect::<Result<Vec<_>>>()?;
    Ok(axum::Json(super::whole(changes, |change| &change.rollout)))
}

fn plan(wanted: RolloutPlan) -> Result<Plan> {
    Ok(match wanted {
        RolloutPlan::Fixed { weights } => {
            let weight = |w: RolloutWeight| held::Weight { version: w.version, weight: w.weight };
            Plan::Fixed { weights: weights.into_iter().map(weight).collect() }
        }
        RolloutPlan::Shadow { version, percent } => Plan::Shadow { version, percent },
        RolloutPlan::Canary { version, steps, gates } => {
            let step = |step: RolloutStep| held::Step {
                percent: step.percent,
                min_seconds: step.min_seconds,
                min_samples: step.min_samples,
            };
            Plan::Canary {
                version,
                steps: steps.into_iter().map(step).collect(),
                gates: gates.map_or_else(Gates::default, gates_of),
            }
        }
        RolloutPlan::Adaptive { versions, reward } => {
            let reward = match reward.as_deref() {
                None | Some("binary") => Reward::Binary,
                Some("real") => Reward::Real,
                Some(other) => {
                    let text = format!("reward is '{other}'; it is binary or real");
                    return Err(Error::invalid(text).with_param("plan.reward"));
                }
            };
            Plan::Adaptive { versions, reward }
        }
    })
}

/// Gates that are given are all there are: only their least number of samples has a default.
fn gates_of(given: RolloutGates) -> Gates {
    Gates {
        min_samples: given.min_samples.unwrap_or(Gates::default().min_samples),
        max_error_rate: given.max_error_rate,
        max_error_increase: given.max_error_increase,
        max_p99_ms: given.max_p99_ms,
        max_p99_ratio: given.max_p99_ratio,
        min_reward: given.min_reward,
        max_reward_drop: given.max_reward_drop,
    }
}

fn wire(report: Report) -> Result<Rollout> {
    let state = report.state;
    let share = |version: i64| {
        let found = report.shares.iter().find(|(arm, _)| *arm == version);
        found.map_or(0.0, |(_, share)| *share)
    };
    let arms = state.arms.iter().map(|(version, arm)| arm_of(*version, share(*version), arm));
    let gates = state.findings().iter().map(gate_of).collect();
    Ok(Rollout {
        id: report.id,
        object: "rollout",
        model: report.model,
        status: state.status.name(),
        arms: arms.collect(),
        gates,
        plan: plan_of(state.plan),
        stable: state.stable,
        step: state.step,
        started_at: state.started_at / 1000,
        step_since: state.step_since / 1000,
        history: report.history.into_iter().map(change_of).collect::<Result<_>>()?,
    })
}

fn plan_of(plan: Plan) -> RolloutPlan {
    match plan {
        Plan::Fixed { weights } => {
            let weight = |w: held::Weight| RolloutWeight { version: w.version, weight: w.weight };
            RolloutPlan::Fixed { weights: weights.into_iter().map(weight).collect() }
        }
        Plan::Shadow { version, percent } => RolloutPlan::Shadow { version, percent },
        Plan::Canary { version, steps, gates } => {
            let step = |step: held::Step| RolloutStep {
                percent: step.percent,
                min_seconds: step.min_seconds,
                min_samples: step.min_samples,
            };
            let gates = RolloutGates {
                min_samples: Some(gates.min_samples),
                max_error_rate: gates.max_error_rate,
                max_error_increase: gates.max_error_increase,
                max_p99_ms: gates.max_p99_ms,
                max_p99_ratio: gates.max_p99_ratio,
                min_reward: gates.min_reward,
                max_reward_drop: gates.max_reward_drop,
            };
            let steps = steps.into_iter().map(step).collect();
            RolloutPlan::Canary { version, steps, gates: Some(gates) }
        }
        Plan::Adaptive { versions, reward } => {
            let reward = match reward {
                Reward::Binary => "binary",
                Reward::Real => "real",
            };
            RolloutPlan::Adaptive { versions, reward: Some(reward.to_owned()) }
        }
    }
}

fn arm_of(version: i64, share: f64, arm: &Arm) -> RolloutArm {
    let (total, shadow) = (&arm.total, &arm.shadow);
    let copied = shadow.compared + shadow.errors + shadow.skipped > 0;
    RolloutArm {
        version,
        share,
        requests: total.requests,
        errors: total.errors,
        error_rate: total.error_rate(),
        mean_ms: total.latency.mean_ms(),
        p50_ms: total.latency.quantile_ms(0.5),
        p99_ms: total.latency.quantile_ms(0.99),
        rewards: RolloutRewards {
            count: total.rewards.count,
            mean: (total.rewards.count > 0).then_some(total.rewards.mean),
        },
        shadow: copied.then(|| RolloutShadow {
            compared: shadow.compared,
            errors: shadow.errors,
            skipped: shadow.skipped,
            differing_share: shadow.differing_share(),
            max_abs_diff: shadow.max_abs_diff,
        }),
    }
}

fn gate_of(found: &Finding) -> RolloutGate {
    RolloutGate {
        gate: found.gate,
        observed: found.observed,
        limit: found.limit,
        samples: found.samples,
        verdict: found.verdict.name(),
    }
}

fn change_of(row: RolloutEventRow) -> Result<RolloutChange> {
    Ok(RolloutChange {
        seq: row.seq,
        at: row.created_at / 1000,
        by: row.principal_id,
        automatic: row.automatic != 0,
        action: row.action,
        reason: row.reason,
        version: row.version,
        rollout: row.rollout_id,
        detail: serde_json::from_str(&row.detail).or_internal("reading a change of a model")?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(body: Value) -> std::result::Result<Plan, String> {
        let wanted: RolloutPlan = serde_json::from_value(body).map_err(|e| e.to_string())?;
        plan(wanted).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn a_plan_is_shown_as_it_was_sent() {
        let sent = json!({"strategy": "canary", "version": 2,
            "steps": [{"percent": 5.0, "min_seconds": 60, "min_samples": 100}, {"percent": 100.0}],
            "gates": {"max_p99_ratio": 1.5}});
        let plan = read(sent).expect("a plan");
        let Plan::Canary { gates, .. } = &plan else { panic!("{plan:?}") };
        assert_eq!((gates.max_error_rate, gates.min_samples), (None, 50));
        let shown = serde_json::to_value(plan_of(plan.clone())).expect("JSON");
        assert_eq!(shown["strategy"], "canary");
        assert_eq!(read(shown).expect("a plan"), plan);
    }

    #[test]
    fn defaults_are_those_that_are_documented() {
        let canary = json!({"strategy": "canary", "version": 2, "steps": [{"percent": 50.0}]});
        let Ok(Plan::Canary { gates, .. }) = read(canary) else { panic!("no plan") };
        assert_eq!(gates.max_error_rate, Some(0.05));
        let shadow = read(json!({"strategy": "shadow", "version": 2}));
        assert_eq!(shadow, Ok(Plan::Shadow { version: 2, percent: 100.0 }));
        let adaptive = read(json!({"strategy": "adaptive", "versions": [1, 2]}));
        let expected = Plan::Adaptive { versions: vec![1, 2], reward: Reward::Binary };
        assert_eq!(adaptive, Ok(expected));
        assert!(read(json!({"strategy": "shadow", "version": 2, "share": 5})).is_err());
        assert!(read(json!({"strategy": "adaptive", "versions": [1], "reward": "x"})).is_err());
    }
}
