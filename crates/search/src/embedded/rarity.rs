//! How rare the words of a store are, as the engine last told.
//!
//! The engine keeps no count of a word that could be read: it is asked for the best point of that
//! word alone, which reads the word's whole list. A question of thirty words would take longer to
//! be weighed than to be searched for, and questions repeat their words. So what was told is kept
//! while few points are written. That a word is nowhere is never kept, as the next point may have it.

use std::collections::HashMap;

/// Words that are kept at most; some 1.5 MB.
const MOST_WORDS: usize = 1 << 16;
/// Points to be written before what is kept is asked anew, as a share of all there are.
const SHARE: u64 = 100;

/// The inverse document frequencies that are kept.
#[derive(Debug, Default)]
pub(super) struct Rarity {
    idfs: HashMap<u32, f32>,
    /// Points that had ever been written when the first of them was told.
    written: u64,
    /// How often they were forgotten.
    era: u64,
}

impl Rarity {
    /// That of each of these terms that is kept, where the store has `points` of the `written`
    /// ones; and what to give [`Self::keep`].
    pub(super) fn of(
        &mut self,
        terms: &[u32],
        (points, written): (u64, u64),
    ) -> (HashMap<u32, f32>, u64) {
        if written.saturating_sub(self.written) > points / SHARE {
            self.forget();
        }
        if self.idfs.is_empty() {
            self.written = written;
        }
        let kept = |term: &u32| self.idfs.get(term).map(|idf| (*term, *idf));
        (terms.iter().filter_map(kept).collect(), self.era)
    }

    /// Keeps what was told of a term, if nothing was forgotten since `era`.
    pub(super) fn keep(&mut self, term: u32, idf: f32, era: u64) {
        if era == self.era && self.idfs.len() < MOST_WORDS {
            self.idfs.insert(term, idf);
        }
    }

    /// Forgets everything, as points were removed or weighed anew: what a removed one said must
    /// not be told from how a word counts.
    pub(super) fn forget(&mut self) {
        self.idfs.clear();
        self.era += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_kept_while_few_points_are_written() {
        let mut rarity = Rarity::default();
        let (known, era) = rarity.of(&[1, 2], (1_000, 1_000));
        assert!(known.is_empty());
        rarity.keep(1, 3.5, era);
        assert_eq!(rarity.of(&[1, 2], (1_010, 1_010)).0, HashMap::from([(1, 3.5)]));
        assert!(rarity.of(&[1, 2], (1_011, 1_011)).0.is_empty(), "more than one in a hundred");
    }

    #[test]
    fn a_small_store_forgets_with_each_point() {
        let mut rarity = Rarity::default();
        let (_, era) = rarity.of(&[1], (50, 50));
        rarity.keep(1, 3.5, era);
        assert!(!rarity.of(&[1], (50, 50)).0.is_empty());
        assert!(rarity.of(&[1], (51, 51)).0.is_empty());
    }

    #[test]
    fn what_was_asked_before_a_removal_is_not_kept_after_it() {
        let mut rarity = Rarity::default();
        let (_, era) = rarity.of(&[1], (50, 50));
        rarity.forget();
        rarity.keep(1, 3.5, era);
        assert!(rarity.of(&[1], (50, 50)).0.is_empty());
    }
}
