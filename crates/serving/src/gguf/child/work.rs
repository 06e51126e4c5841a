//! A request on its way through a slot.

use std::collections::VecDeque;
use std::time::Instant;

use llama_cpp_2::token::LlamaToken;
use llama_cpp_2::vocab::LlamaVocab;

use super::guide::Guide;
use super::logprobs;
use super::sampler::Sampler;
use super::text::TextOut;
use crate::chat::TokenLogprob;
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
    pub(super) guide: Option<Guide>,
    pub(super) logprobs: Option<u8>,
    pub(super) ignore_eos: bool,
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
    sampler: Sampler,
    guide: Option<Guide>,
    text: TextOut,
    logprobs: Option<u8>,
    ignore_eos: bool,
    /// Log probabilities of tokens whose text is held back, each with the place where
    /// its bytes begin.
    unsent: VecDeque<(usize, TokenLogprob)>,
    /// Bytes generated, and bytes of text sent.
    bytes: (usize, usize),
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
            guide: job.guide,
            logprobs: job.logprobs,
            ignore_eos: job.ignore_eos,
            unsent: VecDeque::new(),
            bytes: (0, 0),
            text: TextOut::new(job.stop),
            row: None,
            received: job.received,
            admitted: Instant::now(),
            first: None,
        }
    }

    /// Takes the next token by its `logits`.
    ///
    /// # Errors
    /// When the constraint can be followed no further.
    pub(super) fn advance(
        &mut self,
        logits: &[f32],
        vocab: &LlamaVocab<'_>,
        ends: &[i32],
    ) -> Result<Step, String> {
        let (token, complete) = self.choose(logits, ends)?;
        self.generated += 1;
        self.first.get_or_insert_with(Instant::now);
        self.next = Some(token);
        if ends.contains(&token) && !self.ignore_eos {
            return Ok(self.step(String::new(), Some(FinishReason::Stop)));
        }
        let piece = vocab.token_to_piece(LlamaToken::new(token), false, None);
        if let Some(top) = self.logprobs {
            let text = |token| vocab.token_to_piece(LlamaToken::new(token), true, None);
            self.unsent.push_back((self.bytes.0, logprobs::of(logits, token, top, text)));
        }
        self.bytes.0 += piece.len();
        let text = self.text.push(&piece);
        let finished = if self.text.stopped() || complete {
            Some(FinishReason::Stop)
        } else if self.generated >= self.limit {
            Some(FinishReason::Length)
        } else {
            None
        };
        Ok(self.step(text, finished))
    }

    /// The next token, and whether nothing can follow it.
    fn choose(&mut self, logits: &[f32], ends: &[i32]) -> Result<(i32, bool), String> {
        let Some(guide) = &mut self.guide else {
            let banned = if self.ignore_eos { ends } else { &[] };
            return Ok((self.sampler.next(logits, banned), false));
        };
        // Most choices of a model fit by themselves, and looking at one token is cheaper
        // than at all. Rejecting and choosing again among those that fit has the same
        // distribution as choosing among those from the start.
        let mut token = self.sampler.choose(logits);
        if !guide.allows(token, ends.contains(&token)) {
            let mask = guide.mask()?;
            token = self.sampler.choose_among(logits, |token| {
                u32::try_from(token).is_ok_and(|token| mask.get(token as usize))
            });
        }
        self.sampler.remember(token);
        let complete = if ends.contains(&token) { true } else { guide.accept(token)? };
        Ok((token, complete))
    }

    fn step(&mut self, mut text: String, finished: Option<FinishReason>) -> Step {
        if finished.is_some() {
            text.push_str(&self.text.finish());
        }
        self.bytes.1 += text.len();
        let all = finished.is_some() && !self.text.stopped();
        let sent = self.bytes.1;
        let count = self.unsent.iter().take_while(|(start, _)| all || *start < sent).count();
        let logprobs = self.unsent.drain(..count).map(|(_, logprob)| logprob).collect();
        Step { text, logprobs, finished }
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

/// What a token brought.
#[derive(Debug)]
pub(super) struct Step {
    /// Text that is certain now.
    pub(super) text: String,
    /// The log probabilities of its tokens, if asked for.
    pub(super) logprobs: Vec<TokenLogprob>,
    /// Why the answer ends with it, if it does.
    pub(super) finished: Option<FinishReason>,
}

/// A token count as it is sent; contexts are far below the limit of `u32`.
pub(super) fn count(tokens: usize) -> u32 {
    u32::try_from(tokens).unwrap_or(u32::MAX)
}
