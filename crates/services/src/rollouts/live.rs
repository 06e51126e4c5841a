//! A rollout in memory, which requests read and count in.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use cairn_kernel::{Error, Kind, Result, ResultExt as _, Scope, Timestamp};
use cairn_serving::rollout::{Choice, Decision, Difference, Outcome, State};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Shadow requests of one rollout at once; what comes beyond is counted as skipped.
const SHADOWS_MAX: usize = 8;

/// A rollout under way.
#[derive(Debug)]
pub(crate) struct Live {
    pub(crate) id: String,
    pub(crate) name: String,
    /// For whom it acts by itself: who set it.
    pub(crate) scope: Scope,
    state: Mutex<State>,
    /// Whether something was counted since it was written last.
    counted: AtomicBool,
    shadows: Arc<Semaphore>,
}

impl Live {
    pub(super) fn new(id: String, name: String, scope: Scope, state: State) -> Self {
        Self {
            id,
            name,
            scope,
            state: Mutex::new(state),
            counted: AtomicBool::new(false),
            shadows: Arc::new(Semaphore::new(SHADOWS_MAX)),
        }
    }

    pub(crate) fn choose(&self, key: &str) -> Choice {
        self.with(|state| state.choose(key, &mut rand::rng()))
    }

    /// A place for one shadow request, or a note that there was none.
    pub(crate) fn shadow_place(&self, version: i64) -> Option<OwnedSemaphorePermit> {
        let place = Arc::clone(&self.shadows).try_acquire_owned().ok();
        if place.is_none() {
            self.skipped(version);
        }
        place
    }

    pub(crate) fn skipped(&self, version: i64) {
        self.count(|state| state.skipped(version));
    }

    /// Counts how a request ended that began at `began`. What the caller gave up or this
    /// program had no room for says nothing of the version.
    pub(crate) fn observe(&self, version: i64, began: Instant, failure: Option<&Error>) {
        let neutral = [Kind::Cancelled, Kind::Exhausted];
        if failure.is_some_and(|error| neutral.contains(&error.kind())) {
            return;
        }
        let latency_ms = began.elapsed().as_secs_f64() * 1000.0;
        let ok = failure.is_none();
        self.count(|state| state.observe(version, Outcome { ok, latency_ms }));
        let outcome = if ok { "ok" } else { "error" };
        metrics::counter!("cairn_rollout_requests_total", "model" => self.name.clone(),
            "version" => version.to_string(), "outcome" => outcome)
        .increment(1);
    }

    pub(crate) fn compared(&self, version: i64, difference: Option<&Difference>) {
        self.count(|state| state.compared(version, difference));
    }

    pub(super) fn reward(&self, version: i64, value: f64) -> bool {
        self.count(|state| state.reward(version, value))
    }

    pub(super) fn snapshot(&self) -> State {
        self.with(|state| state.clone())
    }

    pub(super) fn tick(&self, now: Timestamp) -> Option<Decision> {
        self.with(|state| state.tick(now))
    }

    pub(super) fn apply(&self, decision: &Decision, now: Timestamp) {
        self.with(|state| state.apply(decision, now));
    }

    /// The state to be written, if something was counted since the last time.
    pub(super) fn unwritten(&self) -> Result<Option<String>> {
        if !self.counted.swap(false, Ordering::SeqCst) {
            return Ok(None);
        }
        written(&self.snapshot()).map(Some)
    }

    /// To be called when what [`Live::unwritten`] gave could not be written.
    pub(super) fn still_unwritten(&self) {
        self.counted.store(true, Ordering::SeqCst);
    }

    fn count<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let counted = self.with(change);
        self.counted.store(true, Ordering::SeqCst);
        counted
    }

    fn with<R>(&self, act: impl FnOnce(&mut State) -> R) -> R {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A state as the records keep it.
pub(super) fn written(state: &State) -> Result<String> {
    serde_json::to_string(state).or_internal("writing the state of a rollout")
}
