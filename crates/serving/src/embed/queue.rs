//! The two queues between callers and worker threads.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cairn_kernel::{Error, Result};
use tokio::sync::oneshot;

use super::batch::{Batch, Batcher};
use super::embedder::Priority;
use super::engine::Engine;

/// What is kept of a window: made of its tokens' vectors, which stand one after another,
/// [`DIMENSIONS`](super::engine::DIMENSIONS) numbers each, those of the two special tokens
/// first and last.
pub(crate) type Reduce = Arc<dyn Fn(&[f32]) -> Vec<f32> + Send + Sync>;

/// For each text, for each of its windows, what was kept of it.
pub(crate) type Reduced = Vec<Vec<Vec<f32>>>;

/// One window of one text of one call.
#[derive(Debug)]
pub(crate) struct Window {
    pub(crate) ids: Vec<i32>,
    pub(crate) text: usize,
    /// Which window of its text.
    pub(crate) part: usize,
    pub(crate) call: Arc<Call>,
}

/// A call in progress: collects what is kept of its windows.
pub(crate) struct Call {
    reduce: Reduce,
    progress: Mutex<Progress>,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("progress", &self.progress).finish_non_exhaustive()
    }
}

#[derive(Debug)]
struct Progress {
    reduced: Reduced,
    left: usize,
    done: Option<oneshot::Sender<Result<Reduced>>>,
}

impl Call {
    /// A call over texts with so many windows each; `done` gets what `reduce` makes of them.
    pub(crate) fn new(
        windows: &[usize],
        reduce: Reduce,
        done: oneshot::Sender<Result<Reduced>>,
    ) -> Arc<Self> {
        let progress = Progress {
            reduced: windows.iter().map(|&windows| vec![Vec::new(); windows]).collect(),
            left: windows.iter().sum(),
            done: Some(done),
        };
        Arc::new(Self { reduce, progress: Mutex::new(progress) })
    }

    /// Whether nobody waits any more.
    pub(crate) fn is_abandoned(&self) -> bool {
        hold(&self.progress).done.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    /// Adds the token vectors of a window of this call.
    pub(crate) fn add(&self, (text, part): (usize, usize), tokens: &[f32]) {
        let kept = (self.reduce)(tokens);
        let mut progress = hold(&self.progress);
        if let Some(place) = progress.reduced.get_mut(text).and_then(|parts| parts.get_mut(part)) {
            *place = kept;
        }
        progress.left -= 1;
        if progress.left == 0 {
            let reduced = std::mem::take(&mut progress.reduced);
            if let Some(done) = progress.done.take() {
                let _ = done.send(Ok(reduced));
            }
        }
    }

    /// Ends the call with an error; the first counts.
    pub(crate) fn fail(&self, error: Error) {
        if let Some(done) = hold(&self.progress).done.take() {
            let _ = done.send(Err(error));
        }
    }
}

/// What callers and workers share.
#[derive(Debug)]
pub(crate) struct Queues {
    state: Mutex<State>,
    work: Condvar,
    /// Locked after `state`, where both are.
    engine: Mutex<Option<Arc<Engine>>>,
    loaded: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    interactive: Batcher<Window>,
    bulk: Batcher<Window>,
    /// Batches in the works.
    running: usize,
    /// Whether the thread for interactive work has a batch.
    answering: bool,
    used: Option<Instant>,
    closed: bool,
}

impl Queues {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(State::default()),
            work: Condvar::new(),
            engine: Mutex::new(None),
            loaded: AtomicBool::new(false),
        })
    }

    /// Adds windows.
    pub(crate) fn push(&self, priority: Priority, windows: Vec<Window>) {
        let mut state = hold(&self.state);
        let batcher = match priority {
            Priority::Interactive => &mut state.interactive,
            Priority::Bulk => &mut state.bulk,
        };
        for window in windows {
            batcher.push(window.ids.len(), window);
        }
        report_depth(&state);
        self.work.notify_all();
    }

    /// Waits for a batch; `None` when the embedder is gone. A worker that takes no
    /// bulk work waits for interactive work alone; the others help it out when it
    /// is busy. While all is quiet for `idle`, the engine is dropped.
    pub(crate) fn take(&self, bulk: bool, idle: Duration) -> Option<Batch<Window>> {
        let mut state = hold(&self.state);
        loop {
            if state.closed {
                return None;
            }
            if let Some(batch) = state.next(bulk) {
                state.running += 1;
                state.answering |= !bulk;
                report_depth(&state);
                return Some(batch);
            }
            state = if self.is_loaded() {
                let waited = self.work.wait_timeout(state, idle);
                waited.unwrap_or_else(PoisonError::into_inner).0
            } else {
                self.work.wait(state).unwrap_or_else(PoisonError::into_inner)
            };
            if state.is_quiet(idle) && self.unload() {
                tracing::info!("embedding model unloaded after {} s without use", idle.as_secs());
            }
        }
    }

    /// A worker is done with its batch.
    pub(crate) fn finished(&self, bulk: bool) {
        let mut state = hold(&self.state);
        state.running -= 1;
        state.answering &= bulk;
        state.used = Some(Instant::now());
        drop(state);
    }

    /// The engine, loaded by whoever comes first while the others wait.
    pub(crate) fn engine(&self, load: impl FnOnce() -> Result<Engine>) -> Result<Arc<Engine>> {
        let mut held = hold(&self.engine);
        if let Some(engine) = &*held {
            return Ok(Arc::clone(engine));
        }
        let engine = Arc::new(load()?);
        *held = Some(Arc::clone(&engine));
        self.loaded.store(true, Ordering::Release);
        Ok(engine)
    }

    /// The engine for a query that its own thread computes, where nothing waits and nothing is
    /// computed for others that somebody waits for: two threads less to wake. Others that come
    /// meanwhile wait for the thread for interactive work.
    pub(crate) fn begin_here(self: &Arc<Self>) -> Option<Here> {
        let mut state = hold(&self.state);
        let busy = state.closed || state.answering || state.interactive.waiting() > 0;
        if busy || !self.is_loaded() {
            return None;
        }
        // Whoever holds it may be loading.
        let engine = self.engine.try_lock().ok()?.clone();
        let engine = engine.filter(|engine| engine.starts_no_threads())?;
        state.running += 1;
        state.answering = true;
        Some(Here { queues: Arc::clone(self), engine })
    }

    /// Whether the engine is in memory.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded.load(Ordering::Acquire)
    }

    /// Drops the engine now, and says whether there was one; it is loaded again
    /// when it is needed.
    pub(crate) fn unload(&self) -> bool {
        let mut held = hold(&self.engine);
        self.loaded.store(false, Ordering::Release);
        held.take().is_some()
    }

    /// Ends the workers.
    pub(crate) fn close(&self) {
        hold(&self.state).closed = true;
        self.work.notify_all();
    }
}

/// The engine in use by a query's own thread, which is done with it when this is dropped.
#[derive(Debug)]
pub(crate) struct Here {
    queues: Arc<Queues>,
    pub(crate) engine: Arc<Engine>,
}

impl Drop for Here {
    fn drop(&mut self) {
        self.queues.finished(false);
    }
}

impl State {
    fn next(&mut self, bulk: bool) -> Option<Batch<Window>> {
        if !bulk {
            return self.interactive.take();
        }
        let helped = if self.answering { self.interactive.take() } else { None };
        helped.or_else(|| self.bulk.take())
    }

    fn is_quiet(&self, idle: Duration) -> bool {
        self.interactive.waiting() + self.bulk.waiting() + self.running == 0
            && self.used.is_some_and(|used| used.elapsed() >= idle)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float")]
fn report_depth(state: &State) {
    let gauge = |priority| metrics::gauge!("cairn_embed_queue_depth", "priority" => priority);
    gauge("interactive").set(state.interactive.waiting() as f64);
    gauge("bulk").set(state.bulk.waiting() as f64);
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
