//! Rollouts under way: who changes them, what they decide by themselves, and what is
//! kept of it.
//!
//! Requests choose and count in memory ([`live`]). Every change ([`changes`]), by a caller
//! or by the rollout itself, is committed together with its audit and the version it deploys,
//! and only then takes effect in memory. One change is made at a time. Counters are
//! written every two seconds and at the end, so a crash costs at most those.

mod answered;
mod changes;
mod live;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use cairn_kernel::{Error, Kind, Result, ResultExt as _, Role, Scope, Shutdown, Tasks};
use cairn_serving::rollout::State;
use cairn_store::Records;
use cairn_store::records::RolloutEventRow;

pub use cairn_serving::rollout::{
    Arm, Compared, Counters, Finding, Gates, Plan, Reward, Step, Weight,
};

use crate::accounts::scope_of_rollout;
use crate::models::registry::{Key, Registry, key};
use answered::Answered;

pub(crate) use live::Live;

/// How often a rollout looks at its gates.
const TICK: Duration = Duration::from_millis(200);
/// Ticks between two writes of the counters.
const FLUSH_TICKS: u32 = 10;
/// Changes shown with a rollout.
const HISTORY: i64 = 100;

/// The rollouts of all tenants. Clones share them.
#[derive(Clone, Debug)]
pub struct Rollouts {
    records: Records,
    registry: Registry,
    tasks: Tasks,
    live: Arc<Mutex<HashMap<Key, Arc<Live>>>>,
    changing: Arc<tokio::sync::Mutex<()>>,
    answered: Arc<Mutex<Answered>>,
}

/// A rollout as it stands.
#[derive(Clone, Debug)]
pub struct Report {
    /// `ro_…`
    pub id: String,
    /// The model.
    pub model: String,
    /// Plan, step, counters.
    pub state: State,
    /// Each version's share of the requests, of 1.
    pub shares: Vec<(i64, f64)>,
    /// Its last changes, newest first.
    pub history: Vec<RolloutEventRow>,
}

/// What somebody thinks of an answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Feedback {
    /// The request that was answered.
    pub request_id: Option<String>,
    /// Or the version that answered it.
    pub version: Option<i64>,
    /// How good the answer was.
    pub reward: f64,
}

impl Rollouts {
    /// The rollouts that the records know to be under way.
    ///
    /// # Errors
    /// `Internal` when the records refuse.
    pub(crate) async fn open(records: Records, registry: Registry, tasks: Tasks) -> Result<Self> {
        let mut live = HashMap::new();
        for row in records.running_rollouts().await? {
            // One that cannot be read must not keep the others from their work; the
            // stable version is deployed and answers.
            let read = serde_json::from_str(&row.state).or_internal("reading a rollout's state");
            match read.and_then(|state: State| Ok((scope_of_rollout(&row)?, state))) {
                Ok((scope, state)) => {
                    let held = Live::new(row.id, row.name.clone(), scope, state);
                    live.insert((row.tenant_id, row.name), Arc::new(held));
                }
                Err(error) => {
                    tracing::error!(rollout = row.id, error = %error.detail(), "a rollout is left");
                }
            }
        }
        Ok(Self {
            records,
            registry,
            tasks,
            live: Arc::new(Mutex::new(live)),
            changing: Arc::default(),
            answered: Arc::default(),
        })
    }

    /// The rollout under way of a model.
    pub(crate) fn live(&self, scope: &Scope, name: &str) -> Option<Arc<Live>> {
        self.with_live(|live| live.get(&key(scope, name)).cloned())
    }

    fn running(&self, scope: &Scope, name: &str) -> Result<Arc<Live>> {
        self.live(scope, name).ok_or_else(|| {
            Error::new(
                Kind::Conflict,
                format!(
                    "model '{name}' has no rollout under way; begin one with PUT \
                     /cairn/v1/models/{name}/rollout"
                ),
            )
        })
    }

    /// Remembers which version answered, so that feedback may name the request.
    pub(crate) fn note(&self, scope: &Scope, name: &str, request: &str, version: i64) {
        self.with_answered(|held| held.note(scope.tenant().as_str(), name, request, version));
    }

    /// Counts what somebody thinks of an answer; the version it is about.
    ///
    /// # Errors
    /// `Invalid` for an unusable reward or a version that is not in the rollout,
    /// `NotFound` for a request that is not remembered, `Conflict` without a rollout
    /// under way or for a second feedback to one request.
    pub async fn feedback(&self, scope: &Scope, name: &str, given: &Feedback) -> Result<i64> {
        scope.require(Role::Editor)?;
        self.registry.get(scope, name).await?;
        let live = self.running(scope, name)?;
        let state = live.snapshot();
        let binary = matches!(state.plan, Plan::Adaptive { reward: Reward::Binary, .. });
        if !given.reward.is_finite() || (binary && !(0.0..=1.0).contains(&given.reward)) {
            let range = if binary { "a number from 0 to 1" } else { "a finite number" };
            return Err(Error::invalid(format!("reward is {}; it must be {range}", given.reward))
                .with_param("reward"));
        }
        let version = match (&given.request_id, given.version) {
            (Some(request), None) => {
                self.with_answered(|held| held.rate(scope.tenant().as_str(), name, request))?
            }
            (None, Some(version)) => version,
            _ => return Err(Error::invalid("send either 'request_id' or 'version'")),
        };
        part_of(&state, version)?;
        live.reward(version, given.reward);
        Ok(version)
    }

    /// The rollout of a model, also one that has ended, with its last changes.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such model or it never had a rollout.
    pub async fn get(&self, scope: &Scope, name: &str) -> Result<Report> {
        let history = self.history(scope, name).await?;
        let (id, state) = match self.live(scope, name) {
            Some(live) => (live.id.clone(), live.snapshot()),
            None => {
                let row = self.records.rollout(scope, name).await?;
                let row =
                    row.ok_or_else(|| Error::not_found(format!("a rollout of model '{name}'")))?;
                (row.id, serde_json::from_str(&row.state).or_internal("reading a rollout's state")?)
            }
        };
        let shares = state.shares(&mut rand::rng());
        Ok(Report { id, model: name.to_owned(), state, shares, history })
    }

    /// The last changes of which version of a model answers, newest first.
    ///
    /// # Errors
    /// `NotFound` when the tenant has no such model.
    pub async fn history(&self, scope: &Scope, name: &str) -> Result<Vec<RolloutEventRow>> {
        self.registry.get(scope, name).await?;
        self.records.rollout_events(scope, name, HISTORY).await
    }

    /// Looks at every rollout's gates, again and again, and writes counters, until a stop.
    pub(crate) async fn watch(&self, shutdown: Shutdown) {
        for ticks in 1_u32.. {
            tokio::select! {
                () = shutdown.requested() => break,
                () = tokio::time::sleep(TICK) => {}
            }
            self.tick().await;
            if ticks % FLUSH_TICKS == 0 {
                self.flush().await;
            }
        }
        self.flush().await;
    }

    async fn tick(&self) {
        for live in self.all_live() {
            if live.tick(self.records.clock().now()).is_none() {
                continue;
            }
            let _turn = self.changing.lock().await;
            // Somebody may have changed it while this waited for its turn.
            let held = self.live(&live.scope, &live.name);
            if !held.is_some_and(|held| Arc::ptr_eq(&held, &live)) {
                continue;
            }
            let Some(decision) = live.tick(self.records.clock().now()) else { continue };
            if let Err(error) = self.decide(&live.scope, &live, decision, true).await {
                tracing::error!(rollout = live.id, error = %error.detail(), "a decision was not kept and is tried again");
            }
        }
    }

    /// Writes what was counted.
    pub(crate) async fn flush(&self) {
        for live in self.all_live() {
            let _turn = self.changing.lock().await;
            let kept = match live.unwritten() {
                Ok(None) => continue,
                Ok(Some(state)) => {
                    self.records.save_rollout_state(&live.scope, &live.name, &live.id, &state).await
                }
                Err(error) => Err(error),
            };
            if let Err(error) = kept {
                live.still_unwritten();
                tracing::error!(rollout = live.id, error = %error.detail(), "counters were not written");
            }
        }
    }

    fn all_live(&self) -> Vec<Arc<Live>> {
        self.with_live(|live| live.values().cloned().collect())
    }

    fn with_live<R>(&self, act: impl FnOnce(&mut HashMap<Key, Arc<Live>>) -> R) -> R {
        act(&mut self.live.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn with_answered<R>(&self, act: impl FnOnce(&mut Answered) -> R) -> R {
        act(&mut self.answered.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn part_of(state: &State, version: i64) -> Result<()> {
    if state.arms.contains_key(&version) {
        return Ok(());
    }
    let arms: Vec<String> = state.arms.keys().map(ToString::to_string).collect();
    Err(Error::invalid(format!(
        "version {version} is not part of the rollout; it has {}",
        arms.join(", ")
    ))
    .with_param("version"))
}
