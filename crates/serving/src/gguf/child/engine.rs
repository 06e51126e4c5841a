//! The decoding loop: continuous batching over the slots of one context.

use std::io;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use llama_cpp_2::context::LlamaContext;
use llama_cpp_2::context::session::SeqState;
use llama_cpp_2::llama_batch::LlamaBatch;
use llama_cpp_2::model::LlamaModel;
use llama_cpp_2::token::LlamaToken;

use super::Out;
use super::encoder::Texts;
use super::model::BATCH;
use super::prepare::awaits;
use super::queue::FairQueue;
use super::reuse::{Placement, SlotView, place};
use super::spill::Spill;
use super::turns::shares;
use super::work::{Job, Slot, Step, Work, count};
use crate::gguf::protocol::{Failure, Fault, Loaded, Outcome, Reply, Tagged};
use crate::gguf::request::Event;

/// How long reading prompts may hold up the answers that are being written.
const STALL: Duration = Duration::from_millis(150);
/// Failed steps in a row after which the process gives up and is started anew.
pub(super) const FAILURES_MAX: u32 = 3;

/// What the reader tells the engine.
#[derive(Debug)]
pub(super) enum Order {
    Start(Box<Job>),
    Encode(Texts),
    Cancel(u64),
}

/// The context and everything that runs in it.
pub(super) struct Engine<'m> {
    model: &'m LlamaModel,
    pub(super) context: LlamaContext<'m>,
    batch: LlamaBatch<'static>,
    pub(super) slots: Vec<Slot>,
    pub(super) spill: Spill<SeqState>,
    queue: FairQueue<Job>,
    out: Out,
    events: Vec<Tagged>,
    turn: u64,
    /// Prompt tokens read per second, as measured; decides the size of a chunk.
    reading_speed: f64,
    failures: u32,
    pub(super) can_copy: bool,
    /// The tokens that end an answer.
    ends: Vec<i32>,
}

impl<'m> Engine<'m> {
    pub(super) fn new(
        model: &'m LlamaModel,
        context: LlamaContext<'m>,
        loaded: &Loaded,
        spill_bytes: u64,
        out: Out,
    ) -> Self {
        let vocab = model.vocab();
        let ends = vocab.tokens().filter(|token| vocab.is_eog(*token)).map(|token| token.0);
        let ends = ends.collect();
        let slots = (0..loaded.slots).map(|_| Slot::default()).collect();
        Self {
            model,
            context,
            batch: LlamaBatch::new(BATCH as usize, 1),
            slots,
            spill: Spill::new(spill_bytes),
            queue: FairQueue::default(),
            out,
            events: Vec::new(),
            turn: 0,
            reading_speed: 400.0,
            failures: 0,
            can_copy: !model.is_recurrent() && !model.is_hybrid(),
            ends,
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
            // The reader takes none for a model that writes.
            Order::Encode(texts) => tracing::error!(request = texts.id, "texts for no encoder"),
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
            let (slots, can_copy) = (&self.slots, self.can_copy);
            let busy = |owner: &str| {
                slots.iter().filter(|slot| slot.work.is_some() && slot.owner == owner).count()
            };
            let ready = |owner: &str, job: &Job| !can_copy || !awaits(slots, owner, &job.prompt);
            let Some((_, job)) = self.queue.pop(busy, ready) else { return };
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
        let needs: Vec<(&str, u32)> = waiting
            .iter()
            .map(|&at| {
                let slot = &self.slots[at];
                let prompt = slot.work.as_ref().map_or(0, |work| work.prompt.len());
                (slot.owner.as_str(), count(prompt.saturating_sub(slot.cache.len())))
            })
            .collect();
        let shares = shares(&needs, budget);
        waiting.into_iter().zip(shares).map(|(at, share)| self.fill_prompt(at, share)).sum()
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
            let id = work.id;
            let logits = self.context.get_logits_ith(row);
            let step = match work.advance(logits, &vocab, &self.ends) {
                Ok(step) => step,
                Err(reason) => {
                    tracing::warn!(trace = work.trace, request = id, reason, "constraint failed");
                    let message =
                        format!("the answer's format could not be followed any further: {reason}");
                    let failure = Failure::new(Fault::Invalid, message);
                    self.events.push(Tagged { id, outcome: Outcome::Failed(failure) });
                    slot.work = None;
                    continue;
                }
            };
            let Step { text, logprobs, finished } = step;
            if !(text.is_empty() && logprobs.is_empty()) {
                let event = Event::Token { text, n: work.generated, logprobs };
                self.events.push(Tagged { id, outcome: Outcome::Event(event) });
            }
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
                let message = "the language model failed on this request; send it again";
                let failure = Failure::new(Fault::Engine, message);
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
pub(super) fn sequence(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

fn add(batch: &mut LlamaBatch<'_>, token: i32, place: usize, slot: usize, logits: bool) -> bool {
    batch.add(LlamaToken::new(token), sequence(place), &[sequence(slot)], logits).is_ok()
}
