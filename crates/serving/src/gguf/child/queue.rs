//! Requests that wait for a slot, taken in turns between owners.

use std::collections::{HashMap, VecDeque};

/// Owners remembered for their turn.
const OWNERS_MAX: usize = 4096;

/// A waiting line in which one owner's backlog does not delay another's request.
#[derive(Debug)]
pub(super) struct FairQueue<T> {
    waiting: VecDeque<(String, T)>,
    /// The turn in which each owner was last served.
    served: HashMap<String, u64>,
    turn: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { waiting: VecDeque::new(), served: HashMap::new(), turn: 0 }
    }
}

impl<T> FairQueue<T> {
    pub(super) fn push(&mut self, owner: String, item: T) {
        self.waiting.push_back((owner, item));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Takes the next item that is `ready`: of the owner with the fewest slots by
    /// `busy`, then of the one served longest ago, then in order of arrival.
    pub(super) fn pop(
        &mut self,
        busy: impl Fn(&str) -> usize,
        ready: impl Fn(&str, &T) -> bool,
    ) -> Option<(String, T)> {
        let rank = |owner: &str| (busy(owner), self.served.get(owner).copied().unwrap_or(0));
        let places =
            self.waiting.iter().enumerate().filter(|(_, (owner, item))| ready(owner, item));
        let (place, _) = places.min_by_key(|(place, (owner, _))| (rank(owner), *place))?;
        let (owner, item) = self.waiting.remove(place)?;
        self.turn += 1;
        if self.served.len() >= OWNERS_MAX && !self.served.contains_key(&owner) {
            let recent = self.turn.saturating_sub(OWNERS_MAX as u64 / 2);
            self.served.retain(|_, turn| *turn >= recent);
        }
        self.served.insert(owner.clone(), self.turn);
        Some((owner, item))
    }

    /// Takes out the first item that `is_it`.
    pub(super) fn remove(&mut self, is_it: impl Fn(&T) -> bool) -> Option<T> {
        let place = self.waiting.iter().position(|(_, item)| is_it(item))?;
        self.waiting.remove(place).map(|(_, item)| item)
    }

    /// Takes out everything.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> + '_ {
        self.waiting.drain(..).map(|(_, item)| item)
    }
}

#[cfg(test)]
mod tests {
    use super::FairQueue;

    fn order(items: &[(&str, u32)], busy: impl Fn(&str) -> usize + Copy) -> Vec<u32> {
        let mut queue = FairQueue::default();
        for &(owner, item) in items {
            queue.push(owner.to_owned(), item);
        }
        std::iter::from_fn(|| queue.pop(busy, |_, _| true).map(|(_, item)| item)).collect()
    }

    #[test]
    fn owners_take_turns() {
        let items = [("a", 1), ("a", 2), ("a", 3), ("b", 4), ("c", 5), ("b", 6)];
        assert_eq!(order(&items, |_| 0), [1, 4, 5, 2, 6, 3]);
    }

    #[test]
    fn who_has_fewer_slots_comes_first() {
        let busy = |owner: &str| usize::from(owner == "a");
        assert_eq!(order(&[("a", 1), ("b", 2), ("b", 3)], busy), [2, 3, 1]);
    }

    #[test]
    fn what_is_not_ready_stays_and_holds_up_nobody() {
        let mut queue = FairQueue::default();
        for (owner, item) in [("a", 1), ("a", 2), ("b", 3)] {
            queue.push(owner.to_owned(), item);
        }
        let next = queue.pop(|_| 0, |_, item| *item > 1);
        assert_eq!(next.map(|(_, item)| item), Some(2));
        assert!(queue.pop(|_| 0, |_, _| false).is_none());
        assert!(!queue.is_empty());
    }

    #[test]
    fn one_request_at_a_time_does_not_starve_a_backlog() {
        let mut queue = FairQueue::default();
        for item in 0..3 {
            queue.push("backlog".to_owned(), item);
        }
        let mut taken = Vec::new();
        for _ in 0..4 {
            queue.push("steady".to_owned(), 100);
            taken.push(queue.pop(|_| 0, |_, _| true).unwrap().1);
        }
        assert_eq!(taken, [0, 100, 1, 100]);
        assert_eq!(queue.remove(|item| *item == 2), Some(2));
        assert_eq!(queue.drain().count(), 2);
        assert!(queue.is_empty());
    }
}
