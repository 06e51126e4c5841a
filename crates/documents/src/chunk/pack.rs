//! Packs units into chunks.

use std::ops::Range;

use super::units::{Tokens, Unit};

/// A chunk of at least this many tokens ends before a heading of level 1 or 2.
const SECTION_TOKENS: usize = 200;

/// Headings up to this level part chunks that are large enough.
const TOP_LEVEL: u8 = 2;

/// Which units each chunk holds. Each range is contiguous, later ones may start
/// within earlier ones (overlap), and together they cover all units.
pub(super) fn pack(
    units: &[Unit],
    tokens: &Tokens,
    max: usize,
    overlap: usize,
) -> Vec<Range<usize>> {
    let packing = Packing { units, tokens, max, overlap, sections: section_ends(units) };
    let mut chunks: Vec<Range<usize>> = Vec::new();
    let mut fresh = 0;
    while fresh < units.len() {
        let start = chunks.last().map_or(fresh, |last| packing.overlap_start(last, fresh));
        let end = packing.end(start, fresh);
        chunks.push(start..end);
        fresh = end;
    }
    chunks
}

/// For each unit that is a heading, where its section ends: at the next heading
/// of any level that has text between. For other units, the next heading.
fn section_ends(units: &[Unit]) -> Vec<usize> {
    let mut ends = vec![units.len(); units.len()];
    let mut next = units.len();
    let mut text_between = false;
    for (at, unit) in units.iter().enumerate().rev() {
        if let Some(slot) = ends.get_mut(at) {
            *slot = next;
        }
        if unit.heading.is_some() {
            // A run of headings opens one section.
            let follows_heading =
                at > 0 && units.get(at - 1).is_some_and(|unit| unit.heading.is_some());
            if text_between && !follows_heading {
                next = at;
                text_between = false;
            }
        } else {
            text_between = true;
        }
    }
    ends
}

struct Packing<'a> {
    units: &'a [Unit],
    tokens: &'a Tokens,
    max: usize,
    overlap: usize,
    sections: Vec<usize>,
}

impl Packing<'_> {
    fn size(&self, range: Range<usize>) -> usize {
        let Some(units) = self.units.get(range) else { return 0 };
        match (units.first(), units.last()) {
            (Some(first), Some(last)) => self.tokens.count(first.start, last.end),
            _ => 0,
        }
    }

    fn is_heading(&self, at: usize) -> bool {
        self.units.get(at).is_some_and(|unit| unit.heading.is_some())
    }

    /// The unit at which the chunk that starts at `start` and whose first new unit is `fresh` ends.
    fn end(&self, start: usize, fresh: usize) -> usize {
        let mut end = fresh + 1;
        while end < self.units.len() {
            let opens_section = self.is_heading(end) && !self.is_heading(end - 1);
            if opens_section && self.ends_before_section(start, end) {
                return end;
            }
            if self.size(start..end + 1) > self.max {
                return self.step_back(start, fresh, end);
            }
            end += 1;
        }
        end
    }

    /// Whether the chunk `start..at` ends before the heading at `at`.
    fn ends_before_section(&self, start: usize, at: usize) -> bool {
        let size = self.size(start..at);
        let section = self.sections.get(at).copied().unwrap_or(self.units.len());
        let level =
            (at..section).map_while(|at| self.units.get(at).and_then(|unit| unit.heading)).min();
        let top = level.is_some_and(|level| level <= TOP_LEVEL);
        let large = size >= SECTION_TOKENS.min(self.max / 2);
        large && (top || self.size(start..section) > self.max)
    }

    /// The best place to end a full chunk at or before `end`: before a block if the
    /// chunk stays at least half full, and never right after a heading.
    fn step_back(&self, start: usize, fresh: usize, end: usize) -> usize {
        let block = (fresh + 1..=end).rev().find(|&at| {
            self.units.get(at).is_some_and(|unit| unit.opens)
                && self.size(start..at) * 2 >= self.max
        });
        let mut best = block.unwrap_or(end);
        while best > fresh + 1 && self.is_heading(best - 1) {
            best -= 1;
        }
        if self.is_heading(best - 1) { end } else { best }
    }

    /// Where the chunk after `last` starts so that it repeats whole units of `last`
    /// of the same section, and still has room for the unit at `fresh`.
    fn overlap_start(&self, last: &Range<usize>, fresh: usize) -> usize {
        if self.is_heading(fresh) {
            return fresh;
        }
        let mut start = fresh;
        while start > last.start + 1 {
            let before = start - 1;
            let fits = self.size(before..fresh) <= self.overlap
                && self.size(before..fresh + 1) <= self.max;
            if !fits {
                break;
            }
            start = before;
            if self.is_heading(start) {
                break;
            }
        }
        start
    }
}
