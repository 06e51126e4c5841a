//! Changes of which version answers: each is committed with its audit, done to its end,
//! and takes effect after its commit.

use std::sync::Arc;

use cairn_kernel::{Error, Id, Result, ResultExt as _, Role, Scope};
use cairn_serving::rollout::{Decision, Plan, State, Status};
use cairn_store::records::{NewRolloutEvent, RolloutChange};
use serde_json::json;

use super::live::{Live, written};
use super::{Report, Rollouts, part_of};
use crate::models::registry::key;

/// Longest reason given for a change.
const REASON_MAX: usize = 1000;

impl Rollouts {
    /// Begins a plan that was checked, in the place of what was under way.
    pub(crate) async fn start(
        &self,
        scope: &Scope,
        name: &str,
        plan: Plan,
        stable: i64,
        reason: String,
    ) -> Result<()> {
        check_reason(&reason)?;
        let (this, scope, name) = (self.clone(), scope.clone(), name.to_owned());
        self.whole(async move { this.begin(&scope, &name, plan, stable, reason).await }).await
    }

    async fn begin(
        &self,
        scope: &Scope,
        name: &str,
        plan: Plan,
        stable: i64,
        reason: String,
    ) -> Result<()> {
        let _turn = self.changing.lock().await;
        let replaced = self.live(scope, name).map(|live| live.id.clone());
        let state = State::begin(plan, stable, name, self.records.clock().now());
        let id = Id::generate("ro_").to_string();
        let strategy = state.plan.strategy();
        let detail = json!({"plan": state.plan, "stable": stable, "replaces": replaced});
        let new = RolloutChange {
            name: name.to_owned(),
            id: id.clone(),
            status: state.status.name(),
            state: written(&state)?,
            deployed: Some(stable),
            event: NewRolloutEvent {
                rollout_id: id.clone(),
                automatic: false,
                action: "started",
                reason,
                version: state.plan.candidate(stable),
                detail: detail.to_string(),
            },
        };
        self.records.start_rollout(scope, &new).await?;
        let live = Live::new(id.clone(), name.to_owned(), scope.clone(), state);
        self.with_live(|held| held.insert(key(scope, name), Arc::new(live)));
        tracing::info!(model = name, rollout = id, strategy, stable, "rollout started");
        Ok(())
    }

    /// Takes the rollout back: from its commit on, the stable version answers what comes.
    /// What is being answered is finished by the version it began with.
    ///
    /// # Errors
    /// `Conflict` without a rollout under way, `Forbidden` for viewers.
    pub async fn roll_back(&self, scope: &Scope, name: &str, reason: String) -> Result<Report> {
        scope.require(Role::Editor)?;
        check_reason(&reason)?;
        self.registry.get(scope, name).await?;
        let (this, by, model) = (self.clone(), scope.clone(), name.to_owned());
        let change = async move {
            let _turn = this.changing.lock().await;
            let live = this.running(&by, &model)?;
            this.decide(&by, &live, Decision::RollBack { reason }, false).await
        };
        self.whole(change).await?;
        self.get(scope, name).await
    }

    /// Lets a version of the rollout answer everything: `version`, else the one on trial.
    ///
    /// # Errors
    /// `Conflict` without a rollout under way, `Invalid` for a version that is not in it
    /// or when none is named and several are on trial.
    pub async fn promote(
        &self,
        scope: &Scope,
        name: &str,
        version: Option<i64>,
        reason: String,
    ) -> Result<Report> {
        scope.require(Role::Editor)?;
        check_reason(&reason)?;
        self.registry.get(scope, name).await?;
        let (this, by, model) = (self.clone(), scope.clone(), name.to_owned());
        let change = async move {
            let _turn = this.changing.lock().await;
            let live = this.running(&by, &model)?;
            let state = live.snapshot();
            let version = version.or_else(|| state.favourite()).ok_or_else(|| {
                Error::invalid("several versions are on trial; name the 'version' to promote")
                    .with_param("version")
            })?;
            part_of(&state, version)?;
            this.decide(&by, &live, Decision::Promote { version, reason }, false).await
        };
        self.whole(change).await?;
        self.get(scope, name).await
    }

    /// Makes a version the one that answers everything; a rollout under way ends.
    pub(crate) async fn deploy(&self, scope: &Scope, name: &str, version: i64) -> Result<()> {
        let (this, scope, name) = (self.clone(), scope.clone(), name.to_owned());
        self.whole(async move { this.replace(&scope, &name, version).await }).await
    }

    async fn replace(&self, scope: &Scope, name: &str, version: i64) -> Result<()> {
        let _turn = self.changing.lock().await;
        let live = self.live(scope, name);
        let now = self.records.clock().now();
        let ending = Decision::Supersede { reason: format!("version {version} was deployed") };
        let state = match &live {
            Some(live) => {
                let mut state = live.snapshot();
                state.apply(&ending, now);
                Some(written(&state)?)
            }
            None => None,
        };
        let event = NewRolloutEvent {
            rollout_id: live.as_ref().map(|live| live.id.clone()).unwrap_or_default(),
            automatic: false,
            action: "deployed",
            reason: String::new(),
            version: Some(version),
            detail: "{}".to_owned(),
        };
        self.records.deploy_model(scope, name, version, state.as_deref(), &event).await?;
        self.drop_live(scope, name, &ending);
        Ok(())
    }

    /// Deletes a model with its versions and its rollout.
    pub(crate) async fn delete_model(&self, scope: &Scope, name: &str) -> Result<()> {
        let (this, scope, name) = (self.clone(), scope.clone(), name.to_owned());
        let change = async move {
            let _turn = this.changing.lock().await;
            this.records.delete_model(&scope, &name).await?;
            let ending = Decision::Supersede { reason: "the model was deleted".to_owned() };
            this.drop_live(&scope, &name, &ending);
            Ok(())
        };
        self.whole(change).await
    }

    /// Does a change to its end, also when its caller goes away in the middle: what is
    /// committed must take effect.
    async fn whole(&self, change: impl Future<Output = Result<()>> + Send + 'static) -> Result<()> {
        let (done, outcome) = tokio::sync::oneshot::channel();
        self.tasks.spawn("rollout change", async move {
            // Nobody waits for it any more when this fails.
            let _ = done.send(change.await);
        });
        outcome.await.or_internal("waiting for the change of a rollout")?
    }

    fn drop_live(&self, scope: &Scope, name: &str, ending: &Decision) {
        if let Some(live) = self.with_live(|held| held.remove(&key(scope, name))) {
            live.apply(ending, self.records.clock().now());
        }
    }

    /// Commits a decision and lets it take effect. The caller has the turn to change.
    pub(super) async fn decide(
        &self,
        scope: &Scope,
        live: &Arc<Live>,
        decision: Decision,
        automatic: bool,
    ) -> Result<()> {
        let now = self.records.clock().now();
        let mut next = live.snapshot();
        next.apply(&decision, now);
        let (deployed, version) = match &decision {
            Decision::Promote { version, .. } => (Some(*version), Some(*version)),
            Decision::RollBack { .. } => (Some(next.stable), Some(next.stable)),
            _ => (None, next.plan.candidate(next.stable)),
        };
        let arms: serde_json::Map<_, _> = next
            .arms
            .iter()
            .map(|(version, arm)| {
                let counted = json!({
                    "requests": arm.total.requests,
                    "errors": arm.total.errors,
                    "rewards": arm.total.rewards.count,
                });
                (version.to_string(), counted)
            })
            .collect();
        let change = RolloutChange {
            name: live.name.clone(),
            id: live.id.clone(),
            status: next.status.name(),
            state: written(&next)?,
            deployed,
            event: NewRolloutEvent {
                rollout_id: live.id.clone(),
                automatic,
                action: decision.action(),
                reason: decision.reason().to_owned(),
                version,
                detail: json!({"step": next.step, "arms": arms}).to_string(),
            },
        };
        self.records.change_rollout(scope, &change).await?;
        live.apply(&decision, now);
        if next.status != Status::Running {
            self.with_live(|held| held.remove(&key(scope, &live.name)));
        }
        let (action, reason) = (decision.action(), decision.reason());
        tracing::info!(model = live.name, rollout = live.id, action, reason, automatic, "rollout");
        metrics::counter!("cairn_rollout_decisions_total", "action" => action).increment(1);
        Ok(())
    }
}

fn check_reason(reason: &str) -> Result<()> {
    if reason.len() <= REASON_MAX {
        return Ok(());
    }
    Err(Error::invalid(format!("reason is longer than {REASON_MAX} bytes; say it shorter"))
        .with_param("reason"))
}
