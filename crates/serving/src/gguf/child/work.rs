//! A request on its way through a slot.

use std::time::Instant;

use super::sampler::Sampler;
use super::text::TextOut;
use crate::gguf::request::{Done, FinishReason, Sampling, Timings};

/// A request that waits for a slot.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: u64,
    /// Never empty.
    pub(super) prompt: Vec<i32>,
    /// Tokens that may be generated; prompt and these fit the slot.
    pub(super) limit: u32,
    pub(super) sampling: Sampling,
    pub(super) stop: Vec<String>,
    pub(super) owner: String,
    pub(super) trace: String,
    pub(super) received: Instant,
}

/// One sequence of the context.
#[derive(Debug, Default)]
pub(super) struct Slot {
    /// Tokens whose keys and values the context holds for this sequence.
    pub(super) cache: Vec<i32>,
    /// Whose tokens they are.
    pub(super) owner: String,
    /// The turn of the last request.
    pub(super) used: u64,
    pub(super) work: Option<Work>,
}

/// A request in a slot.
#[derive(Debug)]
pub(super) struct Work {
    pub(super) id: u64,
    pub(super) trace: String,
    pub(super) prompt: Vec<i32>,
    pub(super) cached: usize,
    /// The sampled token that is not decoded yet; `None` while the prompt is read.
    pub(super) next: Option<i32>,
    pub(super) generated: u32,
    pub(super) limit: u32,
    pub(super) sampler: Sampler,
    pub(super) text: TextOut,
    /// The row of the present batch whose logits are this request's.
    pub(super) row: Option<i32>,
    received: Instant,
    admitted: Instant,
    first: Option<Instant>,
}

impl Work {
    pub(super) fn new(job: Job, cached: usize) -> Self {
        Self {
            id: job.id,
            trace: job.trace,
            sampler: Sampler::new(job.sampling, &job.prompt),
            prompt: job.prompt,
            cached,
            next: None,
            generated: 0,
            limit: job.limit,
            text: TextOut::new(job.stop),
            row: None,
            received: job.received,
            admitted: Instant::now(),
            first: None,
        }
    }

    /// Counts a token.
    pub(super) fn count(&mut self) {
        self.generated += 1;
        self.first.get_or_insert_with(Instant::now);
    }

    /// The closing account.
    pub(super) fn done(&self, finish_reason: FinishReason) -> Done {
        let first = self.first.unwrap_or_else(Instant::now);
        let ms = |from: Instant, to: Instant| to.duration_since(from).as_secs_f64() * 1e3;
        Done {
            finish_reason,
            prompt_tokens: count(self.prompt.len()),
            cached_tokens: count(self.cached),
            completion_tokens: self.generated,
            timings: Timings {
                queue_ms: ms(self.received, self.admitted),
                prompt_ms: ms(self.admitted, first),
                generate_ms: ms(first, Instant::now()),
            },
        }
    }
}

/// A token count as it is sent; contexts are far below the limit of `u32`.
pub(super) fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
