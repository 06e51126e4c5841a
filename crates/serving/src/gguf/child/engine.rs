//! The decoding loop: continuous batching over the slots of one context.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::Out;
use super::model::BATCH;
use super::queue::FairQueue;
use super::reuse::{Placement, SlotView, common_prefix, place};
use super::work::{Job, Slot, Work, count};
use crate::gguf::protocol::{Failure, Fault, Loaded, Outcome, Reply, Tagged};
use crate::gguf::request::{Event, FinishReason};

/// How long reading prompts may hold up the answers that are being written.
const STALL: Duration = Duration::from_millis(150);
/// Failed steps in a row after which the process gives up and is started anew.
const FAILURES_MAX: u32 = 3;

/// What the reader tells the engine.
#[derive(Debug)]
pub(super) enum Order {
    Start(Box<Job>),
    Cancel(u64),
}

/// The context and everything that runs in it.
pub(super) struct Engine<'m> {
    model: &'m LlamaModel,
    context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    slots: Vec<Slot>,
    queue: FairQueue<Job>,
    out: Out,
    events: Vec<Tagged>,
    turn: u64,
    /// Prompt tokens read per second, as measured; decides the size of a chunk.
    reading_speed: f64,
    failures: u32,
    can_copy: bool,
}

impl<'m> Engine<'m> {
    pub(super) fn new(
        model: &'m LlamaModel,
        context: LlamaContext<'m>,
        loaded: &Loaded,
        out: Out,
    ) -> Self {
        let slots = (0..loaded.slots).map(|_| Slot::default()).collect();
        Self {
            model,
            context,
            batch: LlamaBatch::new(BATCH as usize, 1),
            slots,
            queue: FairQueue::default(),
            out,
            events: Vec::new(),
            turn: 0,
            reading_speed: 400.0,
            failures: 0,
            can_copy: !model.is_recurrent() && !model.is_hybrid(),
        }
    }

    /// Works until the orders end. Sleeps while there is nothing to do.
    ///
    /// # Errors
    /// When the parent is gone or the engine keeps failing.
    pub(super) fn run(mut self, orders: &Receiver<Order>) -> io::Result<()> {
        loop {
            if self.is_idle() {
                let Ok(order) = orders.recv() else { return Ok(()) };
                self.obey(order);
            }
            loop {
                match orders.try_recv() {
                    Ok(order) => self.obey(order),
                    Err(TryRecvError::Empty) => break,
                    Err(TryRecvError::Disconnected) => return Ok(()),
                }
            }
            self.admit();
            self.flush()?;
            self.step()?;
            self.flush()?;
        }
    }

    fn is_idle(&self) -> bool {
        self.queue.is_empty() && self.slots.iter().all(|slot| slot.work.is_none())
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Start(job) => self.queue.push(job.owner.clone(), *job),
            Order::Cancel(id) => self.cancel(id),
        }
    }

    fn cancel(&mut self, id: u64) {
        if self.queue.remove(|job| job.id == id).is_some() {
            tracing::debug!(request = id, "cancelled in the queue");
            return;
        }
        let is_it = |slot: &&mut Slot| slot.work.as_ref().is_some_and(|work| work.id == id);
        if let Some(work) = self.slots.iter_mut().find(is_it).and_then(|slot| slot.work.take()) {
            tracing::debug!(trace = work.trace, request = id, tokens = work.generated, "cancelled");
        }
    }

    /// Gives free slots to waiting requests.
    fn admit(&mut self) {
        while self.slots.iter().any(|slot| slot.work.is_none()) {
            let slots = &self.slots;
            let busy = |owner: &str| {
                slots.iter().filter(|slot| slot.work.is_some() && slot.owner == owner).count()
            };
            let Some((_, job)) = self.queue.pop(busy) else { return };
            let views: Vec<SlotView<'_>> = slots
                .iter()
                .map(|slot| SlotView {
                    cache: &slot.cache,
                    owner: &slot.owner,
                    busy: slot.work.is_some(),
                    used: slot.used,
                })
                .collect();
            let Some(placement) = place(&views, &job.owner, &job.prompt) else { return };
            self.start(job, placement);
        }
    }

    fn start(&mut self, job: Job, placement: Placement) {
        let cached = self.prepare(&job, placement);
        self.turn += 1;
        tracing::debug!(
            trace = job.trace,
            request = job.id,
            slot = placement.slot,
            prompt_tokens = job.prompt.len(),
            cached_tokens = cached,
            waited_ms = job.received.elapsed().as_millis(),
            "started"
        );
        let started =
            Event::Started { prompt_tokens: count(job.prompt.len()), cached_tokens: count(cached) };
        self.events.push(Tagged { id: job.id, outcome: Outcome::Event(started) });
        let slot = &mut self.slots[placement.slot];
        slot.used = self.turn;
        slot.owner.clone_from(&job.owner);
        slot.work = Some(Work::new(job, cached));
    }

    /// Brings a slot's cache to the longest usable beginning of the prompt and
    /// returns its length.
    fn prepare(&mut self, job: &Job, placement: Placement) -> usize {
        let to = placement.slot;
        let mut cached = placement.cached;
        match placement.copy_from.filter(|_| self.can_copy) {
            Some(from) => {
                // Whole sequences only: a partial copy between streams aborts the process.
                match self.context.kv_cache_seq_cp(sequence(from), sequence(to), None, None) {
                    Ok(()) => self.slots[to].cache = self.slots[from].cache.clone(),
                    Err(_) => cached = 0,
                }
            }
            None if placement.copy_from.is_some() => {
                let slot = &self.slots[to];
                let own = slot.owner == job.owner;
                let shared = common_prefix(&slot.cache, &job.prompt).min(job.prompt.len() - 1);
                cached = if own { shared } else { 0 };
            }
            None => {}
        }
        if cached > 0 && !self.cut(to, cached) {
            cached = 0;
        }
        if cached == 0 {
            let _ = self.context.clear_kv_cache_seq(Some(count(to)), None, None);
        }
        self.slots[to].cache.truncate(cached);
        cached
    }

    /// Removes what a sequence holds from `length` on; false when the model's cache
    /// cannot do that (recurrent, sliding window) and must be filled from the start.
    fn cut(&mut self, slot: usize, length: usize) -> bool {
        let removed = self.context.clear_kv_cache_seq(Some(count(slot)), Some(count(length)), None);
        let (first, last) = (
            self.context.kv_cache_seq_pos_min(sequence(slot)),
            self.context.kv_cache_seq_pos_max(sequence(slot)),
        );
        matches!(removed, Ok(true))
            && last == sequence(length) - 1
            && (first == 0 || !self.can_copy)
    }

    /// Decodes one batch and takes a token for each sequence that is ready.
    fn step(&mut self) -> io::Result<()> {
        let read = self.fill();
        if self.batch.n_tokens() == 0 {
            return Ok(());
        }
        let began = Instant::now();
        if let Err(error) = self.context.decode(&mut self.batch) {
            return self.fail_all(&error.to_string());
        }
        self.failures = 0;
        self.sample_all();
        if read >= 32 {
            let speed = f64::from(read) / began.elapsed().as_secs_f64().max(1e-6);
            self.reading_speed = 0.7 * self.reading_speed + 0.3 * speed;
        }
        Ok(())
    }

    /// Puts a token of every answer into the batch, and then as much of the waiting
    /// prompts as fits; returns how many prompt tokens.
    fn fill(&mut self) -> u32 {
        self.batch.clear();
        for (at, slot) in self.slots.iter_mut().enumerate() {
            let Some(work) = &mut slot.work else { continue };
            let Some(token) = work.next else { continue };
            let row = self.batch.n_tokens();
            if add(&mut self.batch, token, slot.cache.len(), at, true) {
                slot.cache.push(token);
                work.row = Some(row);
            }
        }
        let answering = count(usize::try_from(self.batch.n_tokens()).unwrap_or(0));
        let room = BATCH - answering;
        let budget = if answering == 0 { room } else { room.min(self.chunk()) };
        let mut waiting: Vec<usize> = (0..self.slots.len())
            .filter(|&at| self.slots[at].work.as_ref().is_some_and(|work| work.next.is_none()))
            .collect();
        waiting.sort_unstable_by_key(|&at| self.slots[at].used);
        let mut read = 0;
        for at in waiting {
            read += self.fill_prompt(at, budget - read);
        }
        read
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a float cast saturates"
    )]
    fn chunk(&self) -> u32 {
        ((self.reading_speed * STALL.as_secs_f64()) as u32).clamp(32, BATCH)
    }

    fn fill_prompt(&mut self, at: usize, budget: u32) -> u32 {
        let slot = &mut self.slots[at];
        let Some(work) = &mut slot.work else { return 0 };
        let from = slot.cache.len();
        let to = work.prompt.len().min(from + budget as usize);
        let last = work.prompt.len() - 1;
        for place in from..to {
            let row = self.batch.n_tokens();
            let token = work.prompt[place];
            if !add(&mut self.batch, token, place, at, place == last) {
                return count(place - from);
            }
            slot.cache.push(token);
            if place == last {
                work.row = Some(row);
            }
        }
        count(to - from)
    }

    fn sample_all(&mut self) {
        let vocab = self.model.vocab();
        for slot in &mut self.slots {
            let Some(work) = &mut slot.work else { continue };
            let Some(row) = work.row.take() else { continue };
            let token = work.sampler.next(self.context.get_logits_ith(row));
            work.count();
            let mut text = String::new();
            let mut finished = None;
            if vocab.is_eog(LlamaToken::new(token)) {
                finished = Some(FinishReason::Stop);
            } else {
                text = work.text.push(&vocab.token_to_piece(LlamaToken::new(token), false, None));
                if work.text.stopped() {
                    finished = Some(FinishReason::Stop);
                } else if work.generated >= work.limit {
                    finished = Some(FinishReason::Length);
                }
            }
            if finished.is_some() {
                text.push_str(&work.text.finish());
            }
            let id = work.id;
            if !text.is_empty() {
                let event = Event::Token { text, n: work.generated };
                self.events.push(Tagged { id, outcome: Outcome::Event(event) });
            }
            work.next = Some(token);
            if let Some(reason) = finished {
                let done = work.done(reason);
                tracing::debug!(
                    trace = work.trace,
                    request = id,
                    tokens = work.generated,
                    prompt_ms = done.timings.prompt_ms,
                    generate_ms = done.timings.generate_ms,
                    reason = reason.name(),
                    "done"
                );
                self.events.push(Tagged { id, outcome: Outcome::Event(Event::Done(done)) });
                slot.work = None;
            }
        }
    }

    /// Ends every running request after a failed step, with clean caches for the next.
    fn fail_all(&mut self, why: &str) -> io::Result<()> {
        tracing::error!(why, "a step failed");
        self.failures += 1;
        self.context.clear_kv_cache();
        for slot in &mut self.slots {
            slot.cache.clear();
            if let Some(work) = slot.work.take() {
                let failure = Failure {
                    fault: Fault::Engine,
                    message: "the language model failed on this request; send it again".to_owned(),
                };
                self.events.push(Tagged { id: work.id, outcome: Outcome::Failed(failure) });
            }
        }
        self.flush()?;
        if self.failures < FAILURES_MAX {
            return Ok(());
        }
        for job in self.queue.drain() {
            tracing::warn!(request = job.id, "left waiting by a failing engine");
        }
        Err(io::Error::other(format!("{FAILURES_MAX} steps failed in a row: {why}")))
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.events.is_empty() {
            return Ok(());
        }
        self.out.send(&Reply::Events(std::mem::take(&mut self.events)))
    }
}

/// A slot's sequence id, or a position.
fn sequence(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

fn add(batch: &mut LlamaBatch<'_>, token: i32, place: usize, slot: usize, logits: bool) -> bool {
    batch.add(LlamaToken::new(token), sequence(place), &[sequence(slot)], logits).is_ok()
}
