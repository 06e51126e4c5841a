//! Which slot a request gets, and how much of its prompt is already in a cache.
//!
//! Caches are compared and copied within one owner only: whoever could warm or
//! probe another's cache could guess at its prompts by timing.

/// Tokens that a copy between slots must save to be worth copying a whole cache.
pub(super) const COPY_GAIN: usize = 96;

/// What the choice needs to know of a slot.
#[derive(Clone, Copy, Debug)]
pub(super) struct SlotView<'a> {
    /// Tokens whose keys and values the slot's cache holds.
    pub(super) cache: &'a [i32],
    /// Whose they are.
    pub(super) owner: &'a str,
    /// Whether a request runs in it.
    pub(super) busy: bool,
    /// The turn it was last used in.
    pub(super) used: u64,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Placement {
    /// The slot.
    pub(super) slot: usize,
    /// The slot whose cache is copied there first, if another one's is better.
    pub(super) copy_from: Option<usize>,
    /// Prompt tokens that are then in the cache; at least one is left to compute.
    pub(super) cached: usize,
}

/// Length of the common beginning of `a` and `b`.
pub(super) fn common_prefix(a: &[i32], b: &[i32]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Chooses a free slot for `prompt` of `owner`; `None` when all are busy.
pub(super) fn place(slots: &[SlotView<'_>], owner: &str, prompt: &[i32]) -> Option<Placement> {
    let most = prompt.len().saturating_sub(1);
    let shared = |slot: &SlotView<'_>| {
        if slot.owner == owner { common_prefix(slot.cache, prompt).min(most) } else { 0 }
    };
    let best = slots
        .iter()
        .enumerate()
        .map(|(at, slot)| (shared(slot), at))
        .max_by_key(|&(shared, at)| (shared, std::cmp::Reverse(at)))?;
    let free = || slots.iter().enumerate().filter(|(_, slot)| !slot.busy);
    // A continued conversation goes on where it is: most of that cache stays of use.
    let continued = free()
        .map(|(at, slot)| (shared(slot), at, slot.cache.len()))
        .filter(|&(shared, _, held)| shared > 0 && shared * 2 >= held)
        .max_by_key(|&(shared, at, _)| (shared, std::cmp::Reverse(at)));
    if let Some((cached, slot, _)) = continued
        && cached + COPY_GAIN > best.0
    {
        return Some(Placement { slot, copy_from: None, cached });
    }
    // Otherwise the emptiest, then the one unused for longest, makes room.
    let (slot, view) = free().min_by_key(|(at, slot)| (!slot.cache.is_empty(), slot.used, *at))?;
    let own = shared(view);
    if best.1 != slot && best.0 >= own + COPY_GAIN {
        return Some(Placement { slot, copy_from: Some(best.1), cached: best.0 });
    }
    Some(Placement { slot, copy_from: None, cached: own })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot<'a>(owner: &'a str, cache: &'a [i32], busy: bool, used: u64) -> SlotView<'a> {
        SlotView { cache, owner, busy, used }
    }

    fn placed(slot: usize, copy_from: Option<usize>, cached: usize) -> Option<Placement> {
        Some(Placement { slot, copy_from, cached })
    }

    #[test]
    fn a_conversation_continues_in_its_slot() {
        let slots = [slot("b", &[], false, 0), slot("a", &[1, 2, 3], false, 5)];
        assert_eq!(place(&slots, "a", &[1, 2, 3, 4]), placed(1, None, 3));
    }

    #[test]
    fn the_same_prompt_again_leaves_one_token_to_compute() {
        assert_eq!(place(&[slot("a", &[1, 2, 3], false, 0)], "a", &[1, 2, 3]), placed(0, None, 2));
        assert_eq!(place(&[slot("a", &[1], false, 0)], "a", &[1]), placed(0, None, 0));
    }

    #[test]
    fn nothing_is_reused_between_owners() {
        let long: Vec<i32> = (0..500).collect();
        let slots = [slot("a", &long, false, 1), slot("", &[], true, 0)];
        assert_eq!(place(&slots, "b", &long), placed(0, None, 0));
    }

    #[test]
    fn a_long_shared_beginning_is_copied_even_from_a_busy_slot() {
        let long: Vec<i32> = (0..500).collect();
        let other: Vec<i32> = (0..300).chain(900..950).collect();
        let slots = [slot("a", &long, true, 3), slot("b", &[7], false, 1), slot("", &[], false, 0)];
        assert_eq!(place(&slots, "a", &other), placed(2, Some(0), 300));
        let short: Vec<i32> = (0..50).chain(900..950).collect();
        assert_eq!(place(&slots, "a", &short), placed(2, None, 0));
    }

    #[test]
    fn a_long_cache_is_not_destroyed_for_a_short_beginning() {
        let long: Vec<i32> = (0..500).collect();
        let slots = [slot("a", &long, false, 9), slot("a", &[9, 9], false, 4)];
        assert_eq!(place(&slots, "a", &[0, 1, 2, 77]), placed(1, None, 0));
    }

    #[test]
    fn all_busy_is_no_place() {
        assert_eq!(place(&[slot("a", &[1], true, 0)], "a", &[1, 2]), None);
        assert_eq!(common_prefix(&[1, 2], &[1, 2, 3]), 2);
    }
}
