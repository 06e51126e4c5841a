//! Brings a slot's cache to the beginning of a prompt: by what it holds, by a copy of
//! another slot's, or by what was saved when a slot was given away.

use llama_cpp_2::context::session::LlamaStateSeqFlags;

use super::engine::{Engine, sequence};
use super::reuse::{COPY_GAIN, Placement, common_prefix};
use super::spill::GAIN;
use super::work::{Job, Slot, count};

impl Engine<'_> {
    /// Brings a slot's cache to the longest usable beginning of the prompt and
    /// returns its length.
    pub(super) fn prepare(&mut self, job: &Job, placement: Placement) -> usize {
        let to = placement.slot;
        self.save(&placement);
        if let Some(cached) = self.restore(job, &placement) {
            return cached;
        }
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

    /// Saves what a slot holds, if placing a request there loses much that is held
    /// nowhere else.
    fn save(&mut self, placement: &Placement) {
        let slot = &self.slots[placement.slot];
        let kept = match placement.copy_from {
            None => placement.cached,
            Some(_) => 0,
        };
        let others = self.slots.iter().enumerate().filter(|(at, _)| *at != placement.slot);
        let elsewhere = others
            .filter(|(_, other)| other.owner == slot.owner)
            .map(|(_, other)| common_prefix(&other.cache, &slot.cache))
            .max()
            .unwrap_or(0)
            .max(self.spill.best(&slot.owner, &slot.cache).map_or(0, |(_, shared)| shared));
        if !self.can_copy || slot.cache.len() < kept.max(elsewhere) + GAIN {
            return;
        }
        let flags = LlamaStateSeqFlags::empty();
        let size = self.context.state_seq_get_size_ext(sequence(placement.slot), flags);
        if !self.spill.make_room(size) {
            return;
        }
        match self.context.state_seq_get(sequence(placement.slot), flags) {
            Ok(state) => {
                tracing::debug!(slot = placement.slot, size, "cache saved");
                self.spill.put(slot.owner.clone(), slot.cache.clone(), state, size);
            }
            Err(error) => tracing::warn!(%error, "a cache could not be saved"),
        }
    }

    /// Puts back what was saved, if that is much better than what the slots hold;
    /// returns how much of the prompt is in the cache then.
    fn restore(&mut self, job: &Job, placement: &Placement) -> Option<usize> {
        let (at, shared) = self.spill.best(&job.owner, &job.prompt)?;
        let shared = shared.min(job.prompt.len() - 1);
        if shared < placement.cached + GAIN {
            return None;
        }
        let (tokens, state) = self.spill.take(at);
        let to = placement.slot;
        let _ = self.context.clear_kv_cache_seq(Some(count(to)), None, None);
        self.slots[to].cache.clear();
        if let Err(error) = self.context.state_seq_set(&state, sequence(to)) {
            tracing::warn!(%error, "a saved cache could not be put back");
            let _ = self.context.clear_kv_cache_seq(Some(count(to)), None, None);
            return Some(0);
        }
        if !self.cut(to, shared) {
            let _ = self.context.clear_kv_cache_seq(Some(count(to)), None, None);
            return Some(0);
        }
        self.slots[to].cache = tokens;
        self.slots[to].cache.truncate(shared);
        Some(shared)
    }
}

/// Whether `prompt` had better wait: a running request of the same owner is reading a
/// long beginning of it, which can then be copied.
pub(super) fn awaits(slots: &[Slot], owner: &str, prompt: &[i32]) -> bool {
    let (mut held, mut coming) = (0, 0);
    for slot in slots.iter().filter(|slot| slot.owner == owner) {
        let here = common_prefix(&slot.cache, prompt);
        let reads = slot.work.as_ref().filter(|work| work.next.is_none());
        // Only what goes on where the cache ends can come.
        let more = reads
            .filter(|_| here == slot.cache.len())
            .map(|work| common_prefix(&work.prompt, prompt))
            .filter(|&shared| shared > here);
        match more {
            Some(shared) => coming = coming.max(shared),
            None => held = held.max(here),
        }
    }
    coming >= held + COPY_GAIN
}
