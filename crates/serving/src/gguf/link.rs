//! What the handles and the supervisor share: the present child, and who waits for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use cairn_isolate::Handle;
use cairn_kernel::{Error, Result};
use tokio::sync::{mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::handle::{GgufConfig, State};
use super::protocol::{Command, Outcome, Tagged};
use super::request::{Encoded, Event, Pooling};

/// How long a request waits for an engine that is being started again.
const RESTART_WAIT: Duration = Duration::from_secs(8);

/// An answer's place in the cache is shown anew after that many tokens.
const SHOWN_EVERY: u32 = 32;

/// Tokens as the child counted them: the ids, unless only their number was asked for.
pub(super) type Tokenized = (Vec<i32>, u64);

/// Who waits for answers to one id.
#[derive(Debug)]
pub(super) enum Waiter {
    Answer(Answer),
    Tokens(oneshot::Sender<Result<Tokenized>>),
    Encoded(oneshot::Sender<Result<Encoded>>),
}

/// A running generation, seen from here.
#[derive(Debug)]
pub(super) struct Answer {
    events: mpsc::UnboundedSender<Result<Event>>,
    sent: Instant,
    started: bool,
    prompt: u32,
    generated: u32,
    last_token: Instant,
}

impl Answer {
    pub(super) fn new(events: mpsc::UnboundedSender<Result<Event>>) -> Self {
        let now = Instant::now();
        Self { events, sent: now, started: false, prompt: 0, generated: 0, last_token: now }
    }
}

/// The state behind all handles of one model.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) config: GgufConfig,
    /// For an encoder, how it makes one vector of a text.
    pub(super) pooling: Option<Pooling>,
    pub(super) state: watch::Sender<State>,
    pub(super) stop: CancellationToken,
    /// The child that runs or loads.
    pub(super) child: Mutex<Option<Handle>>,
    outbox: Mutex<Option<mpsc::UnboundedSender<Command>>>,
    waiters: Mutex<HashMap<u64, Waiter>>,
    next_id: AtomicU64,
    /// Answers that were brought to their end, over all children.
    answered: AtomicU64,
}

impl Shared {
    pub(super) fn new(config: GgufConfig, pooling: Option<Pooling>) -> Self {
        Self {
            config,
            pooling,
            state: watch::Sender::new(State::Starting),
            stop: CancellationToken::new(),
            child: Mutex::default(),
            outbox: Mutex::default(),
            waiters: Mutex::default(),
            next_id: AtomicU64::new(1),
            answered: AtomicU64::new(0),
        }
    }

    /// Opens the way to a child that is ready.
    pub(super) fn connect(&self, outbox: mpsc::UnboundedSender<Command>) {
        *hold(&self.outbox) = Some(outbox);
        self.state.send_replace(State::Ready);
    }

    /// Closes the way; everybody who waits gets an error and may try again.
    pub(super) fn disconnect(&self) {
        hold(&self.outbox).take();
        let waiters = std::mem::take(&mut *hold(&self.waiters));
        let stopped = *self.state.borrow() == State::Stopped;
        for waiter in waiters.into_values() {
            let error = match stopped {
                true => self.stopped(),
                false => self.restarting("was restarted in the middle of the work"),
            };
            match waiter {
                Waiter::Answer(answer) => {
                    self.account(&answer);
                    let _ = answer.events.send(Err(error));
                }
                Waiter::Tokens(tokens) => {
                    let _ = tokens.send(Err(error));
                }
                Waiter::Encoded(encoded) => {
                    let _ = encoded.send(Err(error));
                }
            }
        }
        self.show_load();
    }

    /// How many answers were brought to their end, over all children.
    pub(super) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// Whether nobody waits for anything.
    pub(super) fn is_quiet(&self) -> bool {
        hold(&self.waiters).is_empty()
    }

    fn restarting(&self, what: &str) -> Error {
        let name = &self.config.name;
        Error::unavailable(format!("the language model '{name}' {what}; send the request again"))
            .with_code("engine_restarting")
    }

    fn stopped(&self) -> Error {
        Error::unavailable(format!("the language model '{}' was stopped", self.config.name))
    }

    /// Sends a command with a fresh id on behalf of `waiter`, which is made anew for
    /// each attempt; waits a few seconds for an engine that restarts.
    pub(super) async fn submit<R>(
        &self,
        command: impl Fn(u64) -> Command,
        waiter: impl Fn() -> (Waiter, R),
    ) -> Result<(u64, R)> {
        let until = tokio::time::Instant::now() + RESTART_WAIT;
        loop {
            let outbox = self.outbox(until).await?;
            let id = self.next_id.fetch_add(1, Ordering::Relaxed);
            let (waiter, receiver) = waiter();
            hold(&self.waiters).insert(id, waiter);
            if outbox.send(command(id)).is_ok() {
                self.show_load();
                return Ok((id, receiver));
            }
            hold(&self.waiters).remove(&id);
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn outbox(&self, until: tokio::time::Instant) -> Result<mpsc::UnboundedSender<Command>> {
        let mut state = self.state.subscribe();
        loop {
            if *state.borrow_and_update() == State::Stopped {
                return Err(self.stopped());
            }
            if let Some(outbox) = hold(&self.outbox).clone() {
                return Ok(outbox);
            }
            let Ok(Ok(())) = tokio::time::timeout_at(until, state.changed()).await else {
                return Err(self.restarting("is being restarted"));
            };
        }
    }

    /// Ends a request nobody waits for any more.
    pub(super) fn cancel(&self, id: u64) {
        let Some(waiter) = hold(&self.waiters).remove(&id) else { return };
        if let Waiter::Answer(answer) = waiter {
            self.account(&answer);
        }
        if let Some(outbox) = hold(&self.outbox).as_ref() {
            let _ = outbox.send(Command::Cancel { id });
        }
        self.show_load();
    }

    /// Passes on what the child sent.
    pub(super) fn route(&self, tagged: Tagged) {
        let Tagged { id, outcome } = tagged;
        match outcome {
            Outcome::Event(event) => self.route_event(id, event),
            Outcome::Failed(failure) => {
                match hold(&self.waiters).remove(&id) {
                    Some(Waiter::Answer(answer)) => {
                        self.account(&answer);
                        let _ = answer.events.send(Err(failure.into()));
                    }
                    Some(Waiter::Tokens(tokens)) => {
                        let _ = tokens.send(Err(failure.into()));
                    }
                    Some(Waiter::Encoded(encoded)) => {
                        let _ = encoded.send(Err(failure.into()));
                    }
                    None => {}
                }
                self.show_load();
            }
            Outcome::Tokens { ids, count } => {
                if let Some(Waiter::Tokens(tokens)) = hold(&self.waiters).remove(&id) {
                    let _ = tokens.send(Ok((ids, count)));
                }
            }
            Outcome::Encoded(made) => {
                if let Some(Waiter::Encoded(encoded)) = hold(&self.waiters).remove(&id) {
                    self.answered.fetch_add(1, Ordering::Relaxed);
                    made.tokens.iter().for_each(|tokens| self.count("prompt", *tokens));
                    let _ = encoded.send(Ok(made));
                }
                self.show_load();
            }
        }
    }

    fn route_event(&self, id: u64, event: Event) {
        let mut waiters = hold(&self.waiters);
        let Some(Waiter::Answer(answer)) = waiters.get_mut(&id) else { return };
        let changed;
        match &event {
            Event::Started { prompt_tokens, cached_tokens } => {
                answer.started = true;
                answer.prompt = *prompt_tokens;
                changed = true;
                self.count("prompt", *prompt_tokens);
                self.count("cached", *cached_tokens);
            }
            Event::Token { n, .. } => {
                let name = self.config.name.clone();
                match answer.generated {
                    0 => metrics::histogram!("cairn_llm_time_to_first_token_seconds", "model" => name),
                    _ => metrics::histogram!("cairn_llm_inter_token_seconds", "model" => name),
                }
                .record(answer.last_token.elapsed());
                answer.last_token = Instant::now();
                answer.generated = *n;
                changed = n.is_multiple_of(SHOWN_EVERY);
            }
            Event::Done(done) => {
                self.answered.fetch_add(1, Ordering::Relaxed);
                answer.generated = done.completion_tokens;
                changed = true;
                let (name, reason) = (self.config.name.clone(), done.finish_reason.name());
                metrics::histogram!("cairn_llm_request_seconds", "model" => name.clone())
                    .record(answer.sent.elapsed());
                metrics::counter!("cairn_llm_requests_total", "model" => name, "finish_reason" => reason)
                    .increment(1);
            }
        }
        let ended = matches!(event, Event::Done(_));
        let _ = answer.events.send(Ok(event));
        let ended = if ended { waiters.remove(&id) } else { None };
        drop(waiters);
        if let Some(Waiter::Answer(answer)) = ended {
            self.account(&answer);
        }
        if changed {
            self.show_load();
        }
    }

    /// Counts what an answer that ended, in whatever way, has generated.
    fn account(&self, answer: &Answer) {
        self.count("completion", answer.generated);
    }

    fn count(&self, kind: &'static str, tokens: u32) {
        let name = self.config.name.clone();
        metrics::counter!("cairn_llm_tokens_total", "model" => name, "kind" => kind)
            .increment(tokens.into());
    }

    fn show_load(&self) {
        let (mut queued, mut busy, mut tokens) = (0_u32, 0_u32, 0_u32);
        for waiter in hold(&self.waiters).values() {
            match waiter {
                Waiter::Answer(answer) if answer.started => {
                    busy += 1;
                    tokens = tokens.saturating_add(answer.prompt + answer.generated);
                }
                Waiter::Answer(_) | Waiter::Encoded(_) => queued += 1,
                Waiter::Tokens(_) => {}
            }
        }
        let name = &self.config.name;
        metrics::gauge!("cairn_llm_queue_depth", "model" => name.clone()).set(queued);
        metrics::gauge!("cairn_llm_slots_busy", "model" => name.clone()).set(busy);
        let room = f64::from(self.config.slots) * f64::from(self.config.context_tokens.max(1));
        metrics::gauge!("cairn_llm_cache_usage_ratio", "model" => name.clone())
            .set(f64::from(tokens) / room.max(1.0));
    }
}

/// Locks without regard to a panic elsewhere: every change here is a single step.
pub(super) fn hold<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
