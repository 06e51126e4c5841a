//! How far runs are, for whoever watches. It is kept in memory: a run that begins again
//! counts again.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// The time over which the rate is taken.
const WINDOW: Duration = Duration::from_secs(60);
/// The shortest time that says anything about a rate.
const SAMPLE: Duration = Duration::from_millis(250);

/// What a run did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Counts {
    /// Items that are there.
    pub seen: u64,
    /// New ones.
    pub added: u64,
    /// Changed ones.
    pub updated: u64,
    /// Those that rest.
    pub unchanged: u64,
    /// Those that are gone.
    pub deleted: u64,
    /// Those that could not be taken; of a run that is over, also those that it took and that could
    /// not be read.
    pub failed: u64,
    /// Bytes of what was taken.
    pub bytes: u64,
}

/// How far a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// `listing`, `reading`, `deleting` or `finishing`.
    pub phase: &'static str,
    /// What it did so far.
    pub counts: Counts,
    /// New and changed items to take; what is known so far while it is still listing.
    pub total: u64,
    /// Those that can be searched, or failed.
    pub done: u64,
    /// Their bytes, as far as the source says them.
    pub bytes_total: u64,
    /// Bytes of those that were taken.
    pub bytes_done: u64,
    /// Seconds until the items are done, from the rate of the last minute.
    pub eta_seconds: Option<u64>,
}

#[derive(Debug)]
struct State {
    phase: &'static str,
    counts: Counts,
    total: u64,
    taken: u64,
    bytes_total: u64,
    bytes_done: u64,
    samples: VecDeque<(Instant, u64)>,
}

/// Follows one run.
#[derive(Debug)]
pub(super) struct Tracker {
    state: Mutex<State>,
}

impl Tracker {
    fn new() -> Self {
        let state = State {
            phase: "listing",
            counts: Counts::default(),
            total: 0,
            taken: 0,
            bytes_total: 0,
            bytes_done: 0,
            samples: VecDeque::new(),
        };
        Self { state: Mutex::new(state) }
    }

    fn with<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn phase(&self, phase: &'static str) {
        self.with(|state| state.phase = phase);
    }

    pub(super) fn count(&self, change: impl FnOnce(&mut Counts)) {
        self.with(|state| change(&mut state.counts));
    }

    pub(super) fn counts(&self) -> Counts {
        self.with(|state| state.counts)
    }

    /// One more item is to be taken.
    pub(super) fn plan(&self, bytes: Option<u64>) {
        self.with(|state| {
            state.total += 1;
            state.bytes_total += bytes.unwrap_or(0);
        });
    }

    /// One of them was taken, or failed.
    pub(super) fn done(&self, bytes: Option<u64>) {
        self.with(|state| {
            state.taken += 1;
            state.bytes_done += bytes.unwrap_or(0);
        });
    }

    /// Notes how many can be searched when `reading` of those that were taken cannot yet.
    pub(super) fn sample(&self, reading: i64) {
        self.with(|state| state.sample(Instant::now(), reading));
    }
}

impl State {
    fn settled(&self, reading: i64) -> u64 {
        self.taken.saturating_sub(u64::try_from(reading).unwrap_or(0))
    }

    fn sample(&mut self, now: Instant, reading: i64) {
        if self.samples.back().is_some_and(|(at, _)| now.duration_since(*at) < SAMPLE) {
            return;
        }
        self.samples.push_back((now, self.settled(reading)));
        while self.samples.front().is_some_and(|(at, _)| now.duration_since(*at) > WINDOW) {
            self.samples.pop_front();
        }
    }

    fn progress(&self, now: Instant, reading: i64) -> Progress {
        let done = self.settled(reading).min(self.total);
        Progress {
            phase: self.phase,
            counts: self.counts,
            total: self.total,
            done,
            bytes_total: self.bytes_total.max(self.bytes_done),
            bytes_done: self.bytes_done,
            eta_seconds: self.eta(now, done),
        }
    }

    /// Only what is known in full has an end.
    fn eta(&self, now: Instant, done: u64) -> Option<u64> {
        let (at, then) = self.samples.front().copied()?;
        let elapsed = now.duration_since(at);
        if self.phase == "listing" || elapsed < SAMPLE {
            return None;
        }
        let millis = u64::try_from(elapsed.as_millis()).ok()?;
        let left = self.total.saturating_sub(done);
        let rate = done.checked_sub(then).filter(|gained| *gained > 0)?;
        Some((left.saturating_mul(millis) / rate).div_ceil(1000))
    }
}

/// The runs under way, by source. Clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Board {
    runs: Arc<Mutex<HashMap<String, Arc<Tracker>>>>,
}

impl Board {
    fn with<R>(&self, change: impl FnOnce(&mut HashMap<String, Arc<Tracker>>) -> R) -> R {
        change(&mut self.runs.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Begins to follow a run, as long as what is returned is held.
    pub(super) fn follow(&self, source: &str) -> Followed {
        let tracker = Arc::new(Tracker::new());
        self.with(|runs| runs.insert(source.to_owned(), Arc::clone(&tracker)));
        Followed { board: self.clone(), source: source.to_owned(), tracker }
    }

    /// How far the run of a source is, with `reading` of its items being read.
    pub(super) fn progress(&self, source: &str, reading: i64) -> Option<Progress> {
        let tracker = self.with(|runs| runs.get(source).cloned())?;
        Some(tracker.with(|state| state.progress(Instant::now(), reading)))
    }
}

/// A run that is followed until this is dropped.
#[derive(Debug)]
pub(super) struct Followed {
    board: Board,
    source: String,
    tracker: Arc<Tracker>,
}

impl std::ops::Deref for Followed {
    type Target = Tracker;

    fn deref(&self) -> &Tracker {
        &self.tracker
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        self.board.with(|runs| {
            // Another run of the same source may have begun since.
            if runs.get(&self.source).is_some_and(|held| Arc::ptr_eq(held, &self.tracker)) {
                runs.remove(&self.source);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_told_from_the_rate_of_what_can_be_searched() {
        let tracker = Tracker::new();
        let start = Instant::now();
        for _ in 0..100 {
            tracker.plan(Some(10));
        }
        tracker.phase("reading");
        tracker.with(|state| state.sample(start, 0));
        for _ in 0..30 {
            tracker.done(Some(10));
        }
        // Twenty of the thirty can be searched after ten seconds, so eighty take forty more.
        let now = start + Duration::from_secs(10);
        let progress = tracker.with(|state| state.progress(now, 10));
        assert_eq!((progress.done, progress.total, progress.bytes_done), (20, 100, 300));
        assert_eq!(progress.eta_seconds, Some(40));
        let stuck = tracker.with(|state| state.progress(now, 30));
        assert_eq!(stuck.eta_seconds, None, "what does not move has no end");
    }

    #[test]
    fn a_run_is_followed_as_long_as_it_goes() {
        let board = Board::default();
        let run = board.follow("src_1");
        assert_eq!(board.progress("src_1", 0).map(|p| p.phase), Some("listing"));
        let next = board.follow("src_1");
        drop(run);
        assert!(board.progress("src_1", 0).is_some(), "the newer one is still followed");
        drop(next);
        assert!(board.progress("src_1", 0).is_none());
    }
}
