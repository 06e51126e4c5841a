//! One bounded queue for each model, and the batches that are made of it.
//!
//! A request that finds the engine idle runs at once. While the engine is busy,
//! requests gather; whoever runs takes as many of them together as have the same
//! shape and fit the bounds. So a lone request never waits for company, and under load
//! batches grow by themselves. [`Bounds::delay`] makes an idle engine wait for company
//! after all, where throughput is worth more than the first answer.
//!
//! Work runs on a blocking thread that lives as long as there is some. A model that
//! computes a row in less time than the hop to such a thread costs runs on the caller's
//! own thread.
//!
//! What a row costs beyond the bare engine, and what batches gain, `make bench ARGS=tensor`
//! prints.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cairn_kernel::{Error, Kind, Result};
use tokio::sync::oneshot;

use super::engine::Engine;
use super::guarded;
use super::request::Request;
use super::stack::{stack, unstack};
use crate::statistics::{Phases, StatisticsRecorder};
use crate::tensor::Tensor;

/// An execution expected to be shorter than this runs on the caller's thread.
const INLINE: Duration = Duration::from_micros(200);
/// How long a caller waits for an execution that has begun.
const RUN_WAIT: Duration = Duration::from_secs(120);

/// The bounds of a queue and its batches.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most rows in one execution; a longer request is computed in parts.
    pub rows: usize,
    /// Most elements, over all inputs, of an execution for more than one request.
    pub elements: usize,
    /// Most requests that wait.
    pub waiting: usize,
    /// How long a request may wait for the engine.
    pub queue_wait: Duration,
    /// How long an idle engine waits for more rows.
    pub delay: Duration,
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            rows: 128,
            elements: 1 << 20,
            waiting: 1024,
            queue_wait: Duration::from_secs(30),
            delay: Duration::ZERO,
        }
    }
}

/// How a model's requests are run.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The bounds.
    pub(crate) bounds: Bounds,
    /// Whether rows of different requests may be computed together.
    pub(crate) stacks: bool,
    /// How many executions may run side by side.
    pub(crate) parallel: usize,
    /// What a row takes, where every request's rows have one shape.
    pub(crate) row_time: Option<Duration>,
}

/// A model's queue. Work that was begun ends even when the queue is dropped.
#[derive(Debug)]
pub(crate) struct Batcher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    engine: Arc<dyn Engine>,
    plan: Plan,
    statistics: Arc<StatisticsRecorder>,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Job>,
    /// Executions, and threads about to take one.
    running: usize,
}

#[derive(Debug)]
struct Job {
    request: Request,
    rows: usize,
    elements: usize,
    arrived: Instant,
    started: Arc<AtomicBool>,
    answer: oneshot::Sender<Result<Vec<Tensor>>>,
}

/// What to do with a request that has just come.
enum Begin {
    Inline(Request),
    Wait(Arc<AtomicBool>, oneshot::Receiver<Result<Vec<Tensor>>>),
}

impl Batcher {
    pub(crate) fn new(
        engine: Arc<dyn Engine>,
        plan: Plan,
        statistics: Arc<StatisticsRecorder>,
    ) -> Self {
        let (state, arrived) = (Mutex::default(), Condvar::new());
        Self(Arc::new(Shared { engine, plan, statistics, state, arrived }))
    }

    /// Computes one request.
    ///
    /// # Errors
    /// `Exhausted` when too many wait, `Timeout` when it waited too long, otherwise as
    /// the engine says.
    pub(crate) async fn submit(&self, request: Request) -> Result<Vec<Tensor>> {
        let shared = &self.0;
        match shared.begin(request)? {
            Begin::Inline(request) => {
                let answer = guarded("computing a request", || {
                    shared.statistics.queued(Duration::ZERO);
                    let rows = rows_of(&request.inputs);
                    shared.execute(request.inputs, &request.outputs, 1, rows)
                });
                shared.done_inline();
                answer?
            }
            Begin::Wait(started, answer) => shared.answer(&started, answer).await,
        }
    }

    /// Requests that wait.
    pub(crate) fn waiting(&self) -> usize {
        hold(&self.0.state).waiting.len()
    }
}

impl Shared {
    fn begin(self: &Arc<Self>, request: Request) -> Result<Begin> {
        let rows = rows_of(&request.inputs);
        let mut state = hold(&self.state);
        let idle = state.running < self.plan.parallel;
        if idle && state.waiting.is_empty() && self.is_short(rows) {
            state.running += 1;
            return Ok(Begin::Inline(request));
        }
        if state.waiting.len() >= self.plan.bounds.waiting {
            let waiting = state.waiting.len();
            drop(state);
            return Err(self.overloaded(waiting));
        }
        let (sender, answer) = oneshot::channel();
        let started = Arc::new(AtomicBool::new(false));
        state.waiting.push_back(Job {
            rows,
            elements: request.inputs.iter().map(|input| input.data().len()).sum(),
            request,
            arrived: Instant::now(),
            started: Arc::clone(&started),
            answer: sender,
        });
        if idle {
            state.running += 1;
        }
        drop(state);
        if idle {
            self.start();
        } else {
            self.arrived.notify_one();
        }
        Ok(Begin::Wait(started, answer))
    }

    /// Whether a request is over before a thread would have begun with it.
    fn is_short(&self, rows: usize) -> bool {
        let expected = self.plan.row_time.zip(u32::try_from(rows).ok());
        self.plan.bounds.delay.is_zero()
            && rows <= self.plan.bounds.rows
            && expected.is_some_and(|(row, rows)| row.saturating_mul(rows) < INLINE)
    }

    fn start(self: &Arc<Self>) {
        let shared = Arc::clone(self);
        drop(tokio::task::spawn_blocking(move || shared.work()));
    }

    /// Ends an execution on a caller's thread; who came meanwhile is not left waiting.
    fn done_inline(self: &Arc<Self>) {
        let mut state = hold(&self.state);
        if state.waiting.is_empty() {
            state.running -= 1;
            return;
        }
        drop(state);
        self.start();
    }

    async fn answer(
        &self,
        started: &AtomicBool,
        mut answer: oneshot::Receiver<Result<Vec<Tensor>>>,
    ) -> Result<Vec<Tensor>> {
        let lost =
            |_| Error::internal("the thread that computed a request ended without an answer");
        let wait = self.plan.bounds.queue_wait;
        if let Ok(answered) = tokio::time::timeout(wait, &mut answer).await {
            return answered.map_err(lost)?;
        }
        if !started.load(Ordering::Acquire) {
            return Err(self.waited(wait));
        }
        match tokio::time::timeout(RUN_WAIT, answer).await {
            Ok(answered) => answered.map_err(lost)?,
            Err(_) => Err(Error::new(
                Kind::Timeout,
                format!(
                    "model '{}' has computed one request for more than {} s; send less at once",
                    self.name(),
                    RUN_WAIT.as_secs()
                ),
            )),
        }
    }

    /// Runs batches until nobody waits.
    fn work(&self) {
        while let Some(jobs) = self.take() {
            if let Err(error) = guarded("computing a batch", || self.run(jobs)) {
                tracing::error!(model = self.name(), error = error.detail(), "a batch was lost");
            }
        }
    }

    fn take(&self) -> Option<Vec<Job>> {
        let bounds = &self.plan.bounds;
        let mut state = hold(&self.state);
        loop {
            state.waiting.retain(|job| !job.answer.is_closed());
            let Some(oldest) = state.waiting.front() else {
                state.running -= 1;
                return None;
            };
            let age = oldest.arrived.elapsed();
            let fitting = fitting(&state.waiting, &self.plan);
            if age < bounds.delay && self.plan.stacks && fitting.rows < bounds.rows {
                let waited = self.arrived.wait_timeout(state, bounds.delay - age);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
                continue;
            }
            let jobs = fitting.remove_from(&mut state.waiting);
            drop(state);
            for job in &jobs {
                job.started.store(true, Ordering::Release);
            }
            return Some(jobs);
        }
    }

    fn run(&self, jobs: Vec<Job>) {
        for job in &jobs {
            self.statistics.queued(job.arrived.elapsed());
        }
        if jobs.len() > 1 {
            match self.together(&jobs) {
                Ok(answers) => {
                    for (job, answer) in jobs.into_iter().zip(answers) {
                        let _ = job.answer.send(Ok(answer));
                    }
                    return;
                }
                // The engine is gone; asking it again for each would only take time.
                Err(error) if matches!(error.kind(), Kind::Unavailable | Kind::Timeout) => {
                    for job in jobs {
                        let _ = job.answer.send(Err(again(&error)));
                    }
                    return;
                }
                // One of them is at fault, and only it may fail.
                Err(error) => {
                    let (model, requests) = (self.name(), jobs.len());
                    let reason = error.detail();
                    tracing::debug!(model, requests, reason, "a batch failed; each runs alone");
                }
            }
        }
        for job in jobs {
            let Job { request, rows, answer, .. } = job;
            let _ = answer.send(self.execute(request.inputs, &request.outputs, 1, rows));
        }
    }

    /// Computes the rows of several requests at once.
    fn together(&self, jobs: &[Job]) -> Result<Vec<Vec<Tensor>>> {
        let began = Instant::now();
        let inputs = self.engine.metadata().inputs.len();
        let stacked = (0..inputs).map(|at| {
            let parts: Vec<&Tensor> =
                jobs.iter().filter_map(|job| job.request.inputs.get(at)).collect();
            stack(&parts)
        });
        let stacked = stacked.collect::<Result<Vec<_>>>()?;
        let mut wanted: Vec<usize> =
            jobs.iter().flat_map(|job| job.request.outputs.iter().copied()).collect();
        wanted.sort_unstable();
        wanted.dedup();
        let rows: Vec<usize> = jobs.iter().map(|job| job.rows).collect();
        let stacking = began.elapsed();
        let mut executed = self.engine.execute(stacked, &wanted)?;
        let began = Instant::now();
        let mut parts = Vec::with_capacity(wanted.len());
        for output in executed.outputs {
            parts.push(unstack(output, &rows)?);
        }
        let pick = |(at, job): (usize, &Job)| {
            let found = job.request.outputs.iter().map(|output| {
                let place = wanted.binary_search(output).ok()?;
                parts.get(place)?.get(at).cloned()
            });
            found.collect::<Option<Vec<_>>>()
        };
        let answers: Option<Vec<_>> = jobs.iter().enumerate().map(pick).collect();
        let answers = answers.ok_or_else(|| Error::internal("the engine left an output out"))?;
        executed.phases.input += stacking;
        executed.phases.output += began.elapsed();
        self.count(jobs.len(), rows.iter().sum(), &executed.phases);
        Ok(answers)
    }

    fn execute(
        &self,
        inputs: Vec<Tensor>,
        outputs: &[usize],
        requests: usize,
        rows: usize,
    ) -> Result<Vec<Tensor>> {
        let mut distinct = outputs.to_vec();
        distinct.sort_unstable();
        distinct.dedup();
        let executed = self.engine.execute(inputs, &distinct)?;
        self.count(requests, rows, &executed.phases);
        executed.pick(&distinct, outputs)
    }

    #[expect(clippy::cast_precision_loss, reason = "a histogram of small counts")]
    fn count(&self, requests: usize, rows: usize, phases: &Phases) {
        self.statistics.executed(requests, rows, phases);
        metrics::histogram!("cairn_onnx_batch_rows", "model" => self.name().to_owned())
            .record(rows as f64);
    }

    fn name(&self) -> &str {
        &self.engine.metadata().name
    }

    fn overloaded(&self, waiting: usize) -> Error {
        let name = self.name().to_owned();
        metrics::counter!("cairn_onnx_overloaded_total", "model" => name).increment(1);
        Error::new(
            Kind::Exhausted,
            format!(
                "model '{}' is overloaded: {waiting} requests wait already; send the request \
                 again in a moment",
                self.name()
            ),
        )
        .with_code("overloaded")
    }

    fn waited(&self, wait: Duration) -> Error {
        Error::new(
            Kind::Timeout,
            format!(
                "the request waited {} s for model '{}' and was given up; send it again in a \
                 moment",
                wait.as_secs_f32(),
                self.name()
            ),
        )
        .with_code("queue_timeout")
    }
}

/// The first waiting job and those that can be computed with it.
struct Fitting {
    places: Vec<usize>,
    rows: usize,
}

fn fitting(waiting: &VecDeque<Job>, plan: &Plan) -> Fitting {
    let Some(first) = waiting.front() else { return Fitting { places: Vec::new(), rows: 0 } };
    let mut found = Fitting { places: vec![0], rows: first.rows };
    if !plan.stacks || first.rows == 0 {
        return found;
    }
    let mut elements = first.elements;
    for (at, job) in waiting.iter().enumerate().skip(1) {
        let fits = job.rows > 0
            && found.rows + job.rows <= plan.bounds.rows
            && elements + job.elements <= plan.bounds.elements
            && like(&first.request.inputs, &job.request.inputs);
        if fits {
            found.places.push(at);
            found.rows += job.rows;
            elements += job.elements;
        }
    }
    found
}

impl Fitting {
    /// Takes the jobs out; `places` are ascending.
    fn remove_from(&self, waiting: &mut VecDeque<Job>) -> Vec<Job> {
        let mut taken = Vec::with_capacity(self.places.len());
        for (removed, place) in self.places.iter().enumerate() {
            taken.extend(waiting.remove(place - removed));
        }
        taken
    }
}

/// Whether two requests differ in nothing but their rows.
fn like(one: &[Tensor], other: &[Tensor]) -> bool {
    one.len() == other.len()
        && one.iter().zip(other).all(|(one, other)| {
            one.datatype() == other.datatype() && one.shape().get(1..) == other.shape().get(1..)
        })
}

/// The rows of a request whose inputs share their first dimension; of another, one.
pub(crate) fn rows_of(inputs: &[Tensor]) -> usize {
    let mut rows = inputs.iter().map(|input| input.shape().first().copied());
    let first = rows.next().flatten();
    first.filter(|first| rows.all(|rows| rows == Some(*first))).unwrap_or(1)
}

/// The same failure for another caller.
fn again(error: &Error) -> Error {
    let copy = Error::new(error.kind(), error.message());
    match error.code() {
        Some(code) => copy.with_code(code),
        None => copy,
    }
}

fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
