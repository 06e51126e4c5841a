//! Caches of slots that were given away, kept in ordinary memory up to a limit.

use super::reuse::common_prefix;

/// Tokens that saving or putting back must spare to be worth it.
pub(super) const GAIN: usize = 256;

/// Saved caches, the one used longest ago first. Each is of one owner, and is found by
/// that owner only.
#[derive(Debug)]
pub(super) struct Spill<S> {
    entries: Vec<Entry<S>>,
    bytes: usize,
    limit: usize,
}

#[derive(Debug)]
struct Entry<S> {
    owner: String,
    tokens: Vec<i32>,
    state: S,
    size: usize,
}

impl<S> Spill<S> {
    /// Room for `limit` bytes.
    pub(super) fn new(limit: u64) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        Self { entries: Vec::new(), bytes: 0, limit }
    }

    /// Drops the oldest until `size` bytes have room; false when they never will.
    pub(super) fn make_room(&mut self, size: usize) -> bool {
        if size > self.limit {
            return false;
        }
        while self.bytes + size > self.limit {
            self.remove(0);
        }
        true
    }

    /// Keeps a cache of `size` bytes that holds `tokens`; what it makes superfluous goes.
    pub(super) fn put(&mut self, owner: String, tokens: Vec<i32>, state: S, size: usize) {
        let covered = |entry: &Entry<S>| entry.owner == owner && tokens.starts_with(&entry.tokens);
        while let Some(at) = self.entries.iter().position(covered) {
            self.remove(at);
        }
        if self.make_room(size) {
            self.bytes += size;
            self.entries.push(Entry { owner, tokens, state, size });
        }
    }

    /// The place of the cache that begins like `prompt` for longest, and how long.
    pub(super) fn best(&self, owner: &str, prompt: &[i32]) -> Option<(usize, usize)> {
        let own = self.entries.iter().enumerate().filter(|(_, entry)| entry.owner == owner);
        own.map(|(at, entry)| (at, common_prefix(&entry.tokens, prompt)))
            .filter(|&(_, shared)| shared > 0)
            .max_by_key(|&(_, shared)| shared)
    }

    /// Takes a cache out.
    pub(super) fn take(&mut self, at: usize) -> (Vec<i32>, S) {
        let entry = self.remove(at);
        (entry.tokens, entry.state)
    }

    fn remove(&mut self, at: usize) -> Entry<S> {
        let entry = self.entries.remove(at);
        self.bytes -= entry.size;
        entry
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(spill: &mut Spill<u32>, owner: &str, tokens: &[i32], state: u32, size: usize) {
        spill.put(owner.to_owned(), tokens.to_vec(), state, size);
    }

    #[test]
    fn a_cache_is_found_by_its_owner_and_beginning() {
        let mut spill = Spill::new(100);
        put(&mut spill, "a", &[1, 2, 3], 1, 10);
        put(&mut spill, "a", &[1, 9], 2, 10);
        assert_eq!(spill.best("a", &[1, 2, 4]), Some((0, 2)));
        assert_eq!(spill.best("b", &[1, 2, 4]), None);
        assert_eq!(spill.best("a", &[5]), None);
        assert_eq!(spill.take(0), (vec![1, 2, 3], 1));
        assert_eq!(spill.best("a", &[1, 2, 4]), Some((0, 1)));
    }

    #[test]
    fn the_limit_holds_and_the_oldest_go_first() {
        let mut spill = Spill::new(25);
        for (state, first) in [(1, 10), (2, 20), (3, 30)] {
            put(&mut spill, "a", &[first], state, 10);
        }
        assert_eq!(spill.best("a", &[10]), None);
        assert!(spill.best("a", &[20]).is_some() && spill.best("a", &[30]).is_some());
        assert!(!spill.make_room(26));
        put(&mut spill, "a", &[40], 4, 26);
        assert_eq!(spill.best("a", &[40]), None);
        assert!(spill.make_room(25) && spill.bytes == 0);
    }

    #[test]
    fn a_longer_cache_takes_the_place_of_its_beginning() {
        let mut spill = Spill::new(100);
        put(&mut spill, "a", &[1, 2], 1, 10);
        put(&mut spill, "b", &[1, 2], 2, 10);
        put(&mut spill, "a", &[1, 2, 3], 3, 10);
        assert_eq!(spill.bytes, 20);
        assert_eq!(spill.best("a", &[1, 2]), Some((1, 2)));
    }
}
