//! Columns that stand so close in some rows that the gap looks like a space: other rows of the
//! table show that it is none.

use std::collections::HashSet;

use super::super::lines::{CELL_GAP, Run, WORD_GAP};
use super::{Extent, ROW_GAP_MAX, SINGLES_MAX};
use crate::document::Place;

/// Gaps from so many ems on may be more than a space; twice as many in type of one width.
pub(super) const NARROW: f32 = 0.4;
/// Rows above and below that are asked, at most.
const REACH: usize = 16;
/// Cells that start or end this near to each other, in ems, are aligned.
const ALIGNED: f32 = 0.2;
/// Rows with more gaps than this are none of a table.
const GAPS_MAX: usize = 300;
/// So many rows with the same two cells, aligned, show what a gap is.
const ALIGNED_MIN: usize = 3;
/// So many rows with a gap at the same place show that it is no space.
const SAME_MIN: usize = 4;
/// Of so many rows at most one may have text where columns part.
const CROSSED_MAX: usize = 8;

/// The runs that only a wide space parts from the run before them, with which they were drawn.
#[derive(Debug, Default)]
pub(in super::super) struct Cuts(HashSet<(u32, u32)>);

impl Cuts {
    pub(super) fn add(&mut self, run: &Run) {
        self.0.insert((run.x0.to_bits(), run.y.to_bits()));
    }

    /// A row with those together again.
    pub(in super::super) fn join(&self, row: Vec<Run>) -> Vec<Run> {
        if self.0.is_empty() {
            return row;
        }
        let mut joined: Vec<Run> = Vec::with_capacity(row.len());
        for run in row {
            let cut = self.0.contains(&(run.x0.to_bits(), run.y.to_bits()));
            let whole = joined.last_mut().filter(|last| {
                cut && last.y.to_bits() == run.y.to_bits()
                    && last.size.to_bits() == run.size.to_bits()
                    && (last.bold, last.mono) == (run.bold, run.mono)
            });
            match whole {
                Some(whole) => {
                    if !whole.text.ends_with(' ') {
                        whole.text.push(' ');
                    }
                    whole.text.push_str(&run.text);
                    whole.x1 = whole.x1.max(run.x1);
                    whole.place = whole.place.into_iter().chain(run.place).reduce(Place::around);
                }
                None => joined.push(run),
            }
        }
        joined
    }
}

/// Rows of runs, each in the parts between which columns part.
pub(in super::super) fn split(rows: Vec<Vec<Run>>) -> Vec<Vec<Vec<Run>>> {
    let shapes: Vec<Shape> = rows.iter().map(|row| Shape::of(row)).collect();
    let blocks = blocks(&rows, &shapes);
    let cuts: Vec<Vec<usize>> = (0..rows.len())
        .map(|at| {
            let shape = shapes.get(at).filter(|shape| shape.gaps.len() <= GAPS_MAX);
            let Some(shape) = shape else { return Vec::new() };
            let from = at.saturating_sub(REACH);
            let near = shapes.iter().zip(&blocks).enumerate().skip(from).take(2 * REACH + 1);
            let others: Vec<&Shape> = near
                .filter(|(other, (shape, block))| {
                    *other != at && shape.is_row() && blocks.get(at) == Some(*block)
                })
                .map(|(_, (shape, _))| shape)
                .collect();
            if others.len() < ALIGNED_MIN { Vec::new() } else { shape.cuts(&others) }
        })
        .collect();
    rows.into_iter().zip(cuts).map(|(row, cuts)| cut(row, &cuts)).collect()
}

fn cut(mut row: Vec<Run>, cuts: &[usize]) -> Vec<Vec<Run>> {
    let mut parts = Vec::with_capacity(cuts.len() + 1);
    for at in cuts.iter().rev() {
        parts.push(row.split_off((*at).min(row.len())));
    }
    parts.push(row);
    parts.reverse();
    parts
}

/// Which rows may be of one table: each has the number of its block.
fn blocks(rows: &[Vec<Run>], shapes: &[Shape]) -> Vec<usize> {
    let mut blocks = Vec::with_capacity(rows.len());
    let (mut block, mut singles) = (0, 0);
    let mut last: Option<&Run> = None;
    for (row, shape) in rows.iter().zip(shapes) {
        let first = row.first();
        singles = if shape.is_row() { 0 } else { singles + 1 };
        let far = last.zip(first).is_some_and(|(last, first)| {
            last.y - first.y > ROW_GAP_MAX * last.size.max(first.size)
        });
        block += usize::from(far || singles > SINGLES_MAX);
        last = first.or(last);
        blocks.push(block);
    }
    blocks
}

/// A gap in a row, before the run at `at`.
struct Gap {
    at: usize,
    left: f32,
    right: f32,
    /// How wide it is, in ems; in type of one width half as many.
    ems: f32,
}

impl Gap {
    fn is_wide(&self) -> bool {
        self.ems >= CELL_GAP
    }

    fn middle(&self) -> f32 {
        (self.left + self.right) / 2.0
    }
}

/// Where a row has text and gaps.
struct Shape {
    gaps: Vec<Gap>,
    /// The texts between gaps that may be more than a space.
    bits: Vec<Extent>,
    size: f32,
}

impl Shape {
    fn of(row: &[Run]) -> Self {
        let size = row.iter().map(|run| run.size).fold(1.0, f32::max);
        let (mut gaps, mut bits): (Vec<Gap>, Vec<Extent>) = (Vec::new(), Vec::new());
        for (at, run) in row.iter().enumerate() {
            let extent = Extent { x0: run.x0, x1: run.x1 };
            let Some(last) = bits.last_mut() else {
                bits.push(extent);
                continue;
            };
            let mono = run.mono && row.get(at.wrapping_sub(1)).is_some_and(|last| last.mono);
            let ems = (run.x0 - last.x1) / size / if mono { 2.0 } else { 1.0 };
            if ems >= WORD_GAP {
                gaps.push(Gap { at, left: last.x1, right: run.x0, ems });
            }
            if ems >= NARROW { bits.push(extent) } else { *last = last.around(extent) }
        }
        Self { gaps, bits, size }
    }

    fn is_row(&self) -> bool {
        self.gaps.len() <= GAPS_MAX && self.gaps.iter().any(Gap::is_wide)
    }

    /// The runs before which columns part that look like words.
    fn cuts(&self, others: &[&Self]) -> Vec<usize> {
        let mut cuts = Vec::new();
        for piece in self.gaps.split(Gap::is_wide) {
            let found: Vec<&Gap> = piece.iter().filter(|gap| self.parts(gap, others)).collect();
            if found.is_empty() {
                continue;
            }
            let (Some(first), Some(last)) = (piece.first(), piece.last()) else { continue };
            let starts = [self.start(first)].into_iter().chain(found.iter().map(|gap| gap.right));
            let ends = found.iter().map(|gap| gap.left).chain([self.end(last)]);
            let mut cells = starts.zip(ends).map(|(x0, x1)| Extent { x0, x1 });
            if cells.all(|cell| is_confined(cell, others)) {
                cuts.extend(found.iter().map(|gap| gap.at));
            }
        }
        cuts
    }

    /// Where the piece starts of which `gap` is the first.
    fn start(&self, gap: &Gap) -> f32 {
        let wide = self.gaps.iter().filter(|other| other.is_wide() && other.right <= gap.left);
        let first = self.bits.first().map_or(f32::NEG_INFINITY, |bit| bit.x0);
        wide.map(|wide| wide.right).fold(first, f32::max)
    }

    fn end(&self, gap: &Gap) -> f32 {
        let wide = self.gaps.iter().filter(|other| other.is_wide() && other.left >= gap.right);
        let last = self.bits.last().map_or(f32::INFINITY, |bit| bit.x1);
        wide.map(|wide| wide.left).fold(last, f32::min)
    }

    /// Whether other rows show that `gap` parts columns.
    fn parts(&self, gap: &Gap, others: &[&Self]) -> bool {
        let middle = gap.middle();
        let beside = |bits: &[Extent], left: bool| {
            let mut bits = bits.iter().copied();
            if left {
                bits.rfind(|bit| bit.x1 <= middle)
            } else {
                bits.find(|bit| bit.x0 >= middle)
            }
        };
        // The words on both sides, as far as the next gap that may be more than a space.
        let bit = self.bits.iter().find(|bit| bit.x0 < middle && middle < bit.x1).copied();
        let before = bit.map(|bit| Extent { x1: gap.left, ..bit });
        let after = bit.map(|bit| Extent { x0: gap.right, ..bit });
        let before = before.or_else(|| beside(&self.bits, true));
        let after = after.or_else(|| beside(&self.bits, false));
        let (Some(before), Some(after)) = (before, after) else { return false };
        let (mut crossed, mut same, mut aligned, mut all) = (0, 0, 0, 0);
        for other in others {
            if other.bits.iter().any(|bit| bit.x0 < middle && middle < bit.x1) {
                (crossed, all) = (crossed + 1, all + 1);
                continue;
            }
            let (left, right) = (beside(&other.bits, true), beside(&other.bits, false));
            let (Some(left), Some(right)) = (left, right) else { continue };
            all += 1;
            if left.shared(before) <= 0.0 || right.shared(after) <= 0.0 {
                continue;
            }
            same += 1;
            let near = |a: f32, b: f32| (a - b).abs() <= ALIGNED * self.size;
            let wide = right.x0 - left.x1 >= CELL_GAP * other.size;
            aligned += usize::from(wide && (near(right.x0, gap.right) || near(left.x1, gap.left)));
        }
        let clear = crossed * CROSSED_MAX <= all || crossed == 1 && all > SAME_MIN;
        clear && (aligned >= ALIGNED_MIN || gap.ems >= NARROW && same >= SAME_MIN)
    }
}

/// Whether a cell is mostly above or below one text of each of the others, not more.
fn is_confined(cell: Extent, others: &[&Shape]) -> bool {
    let several = |other: &&&Shape| {
        let over = |bit: &&Extent| bit.x1.min(cell.x1) - bit.x0.max(cell.x0) > ALIGNED * other.size;
        other.bits.iter().filter(over).count() > 1
    };
    others.iter().filter(several).count() * 2 < others.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(text: &str, x0: f32) -> Run {
        let x1 = x0 + text.chars().count() as f32 * 5.0;
        let text = text.to_owned();
        Run { text, x0, x1, y: 0.0, size: 10.0, bold: false, mono: false, place: None }
    }

    /// Rows fifteen points apart, each its texts and where they start, and how they are parted.
    fn texts(rows: &[&[(f32, &str)]]) -> Vec<String> {
        let row = |(cells, at): (&&[(f32, &str)], u8)| -> Vec<Run> {
            let y = 700.0 - 15.0 * f32::from(at);
            cells.iter().map(|(x, text)| Run { y, ..run(text, *x) }).collect()
        };
        let rows = rows.iter().zip(0..).map(row).collect();
        let part = |runs: &Vec<Run>| {
            runs.iter().map(|run| run.text.as_str()).collect::<Vec<_>>().join(" ")
        };
        let row = |parts: &Vec<Vec<Run>>| parts.iter().map(part).collect::<Vec<_>>().join(" | ");
        split(rows).iter().map(row).collect()
    }

    #[test]
    fn a_heading_that_almost_touches_the_next_is_one_of_its_own() {
        let row = |code: &'static str| [(50.0, code), (114.0, "A-12"), (200.0, "450")];
        let head = [(50.0, "Product Code"), (114.0, "Location"), (200.0, "Expected")];
        let rows = [head, row("SKU-1"), row("SKU-2"), row("SKU-3"), row("SKU-4")];
        let rows: Vec<&[(f32, &str)]> = rows.iter().map(|row| row.as_slice()).collect();
        assert_eq!(texts(&rows)[0], "Product Code | Location Expected");
        // Two rows say too little.
        assert_eq!(texts(&rows[..3])[0], "Product Code Location Expected");
    }

    #[test]
    fn values_that_end_before_the_next_column_are_their_own() {
        let row = |n: &'static str| [(50.0, "YES"), (120.0, n), (135.0, "NO"), (200.0, "142")];
        let rows = [row("24"), row("69"), row("90"), row("11"), row("48"), row("12")];
        let rows: Vec<&[(f32, &str)]> = rows.iter().map(|row| row.as_slice()).collect();
        assert!(texts(&rows).iter().all(|row| row.matches(" | ").count() == 1), "{rows:?}");
    }

    #[test]
    fn what_a_wide_space_parts_is_joined_again() {
        let (first, second, other) = (run("one", 50.0), run("two", 80.0), run("three", 120.0));
        let mut cuts = Cuts::default();
        cuts.add(&second);
        let texts: Vec<String> =
            cuts.join(vec![first, second, other]).into_iter().map(|run| run.text).collect();
        assert_eq!(texts, ["one two", "three"]);
    }

    #[test]
    fn words_of_a_cell_stay_together() {
        // A label over several columns, in which a word happens to begin where a column does.
        let row = |town: &'static str| [(50.0, town), (162.0, "12"), (200.0, "450"), (240.0, "7")];
        let (a, b, c, d) = (row("San Jose"), row("San Remo"), row("Rome"), row("San Carlo"));
        let label = [(50.0, "All of the men counted"), (162.0, "as of today"), (240.0, "28")];
        let rows: [&[(f32, &str)]; 5] = [&a, &b, &c, &d, &label];
        assert!(texts(&rows).iter().all(|row| !row.contains(" | ")), "{:?}", texts(&rows));
    }
}
