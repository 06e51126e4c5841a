//! Which windows run together: those of nearly equal length.

use std::collections::{BTreeMap, VecDeque};

/// Most tokens in one batch, padding included. A batch is kept small, so that its
/// activations stay in the cache and waiting work is not held up for long.
pub const BATCH_TOKENS: usize = 512;

/// Windows in waiting, by length, the oldest first within each.
#[derive(Debug)]
pub struct Batcher<T> {
    lengths: BTreeMap<usize, VecDeque<(u64, T)>>,
    next: u64,
    waiting: usize,
}

/// What runs together.
#[derive(Debug, PartialEq, Eq)]
pub struct Batch<T> {
    /// The windows.
    pub items: Vec<T>,
    /// The length of the longest.
    pub longest: usize,
    /// The sum of their lengths, without padding.
    pub tokens: usize,
}

impl<T> Default for Batcher<T> {
    fn default() -> Self {
        Self { lengths: BTreeMap::new(), next: 0, waiting: 0 }
    }
}

impl<T> Batcher<T> {
    /// Adds a window of `length` tokens.
    pub fn push(&mut self, length: usize, item: T) {
        self.lengths.entry(length).or_default().push_back((self.next, item));
        self.next += 1;
        self.waiting += 1;
    }

    /// How many windows wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Takes the oldest window and those that fit it: at most an eighth shorter or
    /// longer, and no more than [`BATCH_TOKENS`] together with the padding.
    pub fn take(&mut self) -> Option<Batch<T>> {
        let age = |queue: &VecDeque<(u64, T)>| queue.front().map(|(order, _)| *order);
        let (&start, _) = self.lengths.iter().min_by_key(|(_, queue)| age(queue))?;
        let mut near: Vec<usize> = self
            .lengths
            .range(start - start / 8..=start + start / 8)
            .map(|(&length, _)| length)
            .collect();
        near.sort_by_key(|length| length.abs_diff(start));
        let mut batch = Batch { items: Vec::new(), longest: 0, tokens: 0 };
        for length in near {
            let Some(queue) = self.lengths.get_mut(&length) else { continue };
            let longest = batch.longest.max(length);
            while batch.items.is_empty() || (batch.items.len() + 1) * longest <= BATCH_TOKENS {
                let Some((_, item)) = queue.pop_front() else { break };
                batch.items.push(item);
                batch.longest = longest;
                batch.tokens += length;
            }
            if queue.is_empty() {
                self.lengths.remove(&length);
            }
        }
        self.waiting -= batch.items.len();
        Some(batch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_are_of_like_length_within_the_budget_and_lose_nothing() {
        let mut batcher = Batcher::default();
        let lengths: Vec<usize> = (0..500).map(|at| 3 + at * 7919 % 254).collect();
        for (at, &length) in lengths.iter().enumerate() {
            batcher.push(length, at);
        }
        let (mut seen, mut padded) = (Vec::new(), 0);
        while let Some(batch) = batcher.take() {
            let longest = batch.items.iter().map(|&at| lengths[at]).max().unwrap();
            let shortest = batch.items.iter().map(|&at| lengths[at]).min().unwrap();
            assert_eq!(longest, batch.longest);
            assert!(longest - shortest <= longest / 4 + 1, "{shortest} with {longest}");
            assert!(longest * batch.items.len() <= BATCH_TOKENS);
            padded += longest * batch.items.len() - batch.tokens;
            seen.extend(batch.items);
        }
        assert_eq!(batcher.waiting(), 0);
        seen.sort_unstable();
        assert!(seen.into_iter().eq(0..500));
        assert!(padded * 10 < lengths.iter().sum::<usize>(), "{padded} tokens of padding");
    }

    #[test]
    fn the_oldest_goes_first() {
        let mut batcher = Batcher::default();
        batcher.push(200, "old");
        for _ in 0..100 {
            batcher.push(10, "new");
        }
        assert_eq!(batcher.take().unwrap().items, ["old"]);
    }

    #[test]
    fn a_window_over_the_budget_goes_alone() {
        let mut batcher = Batcher::default();
        batcher.push(5000, 1);
        batcher.push(5000, 2);
        assert_eq!(batcher.take().unwrap().items, [1]);
    }
}
