//! The instructions that integers are multiplied with.

mod lanes;
mod pairs;
mod tiles;

pub(crate) use pairs::Zeros;

use std::arch::asm;
use std::sync::OnceLock;

use crate::lanes::{Narrow, Simd as _, Wide};

/// Rows of a block.
pub(crate) const ROWS: usize = 32;
/// Columns of a block.
pub(crate) const COLUMNS: usize = 32;
/// The rows and the columns of one tile; a block has four.
pub(crate) const TILE: usize = 16;
/// Bytes of a row of a tile, and of a line of weights.
pub(crate) const LINE: usize = 64;
/// How many numbers of a column stand side by side in a line; [`TILE`] columns have as many lines
/// as it takes, one after another.
pub(crate) const DEEP: usize = LINE / TILE;

/// Numbers as they come out, row by row.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Block(pub(crate) [[i32; COLUMNS]; ROWS]);

/// A line of weights.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line(pub(crate) [i8; LINE]);

/// The weights of [`COLUMNS`] columns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel<'a> {
    /// Those of the first half of the columns, then those of the second one: of each column
    /// [`DEEP`] numbers side by side.
    pub(crate) lines: &'a [Line],
    /// What AVX2 asks of them.
    pub(crate) zeros: &'a Zeros,
}

/// What a processor multiplies integers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// AMX: a block of tiles at once; 16-bit floats too.
    Tiles(Wide),
    /// AVX-512 VNNI: four products for each of sixteen columns at once.
    Lanes(Wide),
    /// AVX2: four products for each of eight columns at once, added in pairs.
    Pairs(Narrow),
}

impl Unit {
    /// The best that this processor has; nothing where it has none.
    pub(crate) fn best() -> Option<Self> {
        static BEST: OnceLock<Option<Unit>> = OnceLock::new();
        *BEST.get_or_init(|| Self::all().next())
    }

    /// All that this processor has, the best first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let vnni = std::arch::is_x86_feature_detected!("avx512vnni");
        let halves = std::arch::is_x86_feature_detected!("avx512bf16");
        let wide = Wide::find().filter(|_| vnni);
        let tiles = wide.filter(|_| halves && tiles::are_there()).map(Self::Tiles);
        let narrow = Narrow::find().map(Self::Pairs);
        tiles.into_iter().chain(wide.map(Self::Lanes)).chain(narrow)
    }

    /// Its name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tiles(_) => "AMX",
            Self::Lanes(_) => "AVX-512 VNNI",
            Self::Pairs(_) => "AVX2",
        }
    }

    /// What it asks of the lines of a panel, with which numbers are multiplied that are counted
    /// from `lowest` on, and of which `zero` stands for zero.
    pub(crate) fn zeros(self, lines: &[Line], lowest: u8, zero: u8) -> Zeros {
        match self {
            Self::Tiles(_) | Self::Lanes(_) => Zeros::default(),
            Self::Pairs(_) => Zeros::of(lines, lowest, zero),
        }
    }

    /// Whether a thread does all of a run, as others would not make it shorter.
    pub(crate) fn is_alone(self) -> bool {
        matches!(self, Self::Tiles(_))
    }

    /// The highest number of a row that it multiplies.
    pub(crate) fn steps(self) -> u8 {
        match self {
            Self::Tiles(_) | Self::Lanes(_) => Wide::STEPS,
            Self::Pairs(_) => Narrow::STEPS,
        }
    }

    /// Makes the calling thread ready for [`Ready::block`].
    pub(crate) fn ready(self) -> Ready {
        if let Self::Tiles(_) = self {
            static SHAPES: Shapes = Shapes {
                palette: 1,
                start: 0,
                reserved: [0; 14],
                bytes: [64, 64, 64, 64, 64, 64, 64, 64, 0, 0, 0, 0, 0, 0, 0, 0],
                rows: [16, 16, 16, 16, 16, 16, 16, 16, 0, 0, 0, 0, 0, 0, 0, 0],
            };
            // SAFETY: `all` saw the instructions and asked the system for them; the 64 bytes
            // are of palette 1, within its limits of 16 rows and 64 bytes.
            unsafe {
                asm!("ldtilecfg [{}]", in(reg) &raw const SHAPES, options(nostack, readonly));
            };
        }
        Ready { unit: self, _thread: std::marker::PhantomData }
    }
}

/// The shapes of the tiles, as the processor reads them.
#[repr(C, align(64))]
struct Shapes {
    palette: u8,
    start: u8,
    reserved: [u8; 14],
    bytes: [u16; 16],
    rows: [u8; 16],
}

/// A thread that is ready to multiply; a thread has one at a time, as its end takes the shapes away.
#[derive(Debug)]
pub(crate) struct Ready {
    unit: Unit,
    /// The shapes belong to the thread.
    _thread: std::marker::PhantomData<*const ()>,
}

impl Drop for Ready {
    fn drop(&mut self) {
        if let Unit::Tiles(_) = self.unit {
            // SAFETY: as in `ready`. The system need not save tiles of the thread any more.
            unsafe { asm!("tilerelease", options(nostack, nomem)) };
        }
    }
}

impl Ready {
    /// # Panics
    /// When the thread is ready for anything else.
    pub(crate) fn expect_tiles(&self) {
        assert!(matches!(self.unit, Unit::Tiles(_)), "products of tiles");
    }

    /// Multiplies `rows` rows (1 to [`ROWS`]) of `depth` numbers each, which stand one after
    /// another in `left` and are at most [`Unit::steps`], with [`COLUMNS`] columns, which are laid
    /// out as [`Panel`] has them. The sums are those of the numbers counted from 0 on. What other
    /// rows of `out` hold is of no use.
    ///
    /// # Panics
    /// When a slice is too short, that of `left` for the next multiple of [`TILE`] of rows, or
    /// `depth` no multiple of [`LINE`].
    pub(crate) fn block(
        &self,
        rows: usize,
        depth: usize,
        left: &[u8],
        Panel { lines: right, zeros }: Panel<'_>,
        out: &mut Block,
    ) {
        assert!((1..=ROWS).contains(&rows), "{rows} rows in a block");
        assert!(depth > 0 && depth.is_multiple_of(LINE), "{depth} numbers in a row");
        let read = rows.next_multiple_of(TILE);
        assert!(left.len() >= read * depth && right.len() == depth / 2, "a part of a block");
        match self.unit {
            // SAFETY: the thread is ready for tiles; both slices are as long as is read.
            Unit::Tiles(_) => unsafe { tiles::multiply(rows > TILE, depth, left, right, out) },
            // SAFETY: `all` saw the instructions.
            Unit::Lanes(_) => unsafe { lanes::multiply(rows, depth, left, right, out) },
            // SAFETY: as before.
            Unit::Pairs(_) => unsafe { pairs::multiply(rows, depth, left, (right, zeros), out) },
        }
    }

    /// Adds to the sums of a row what number `at` of it, which was `by` more than it was multiplied
    /// as, adds: `by` is 0 where a unit takes all numbers.
    #[inline(always)]
    pub(crate) fn add(&self, (at, by): (usize, i32), panel: Panel<'_>, sums: &mut [i32; COLUMNS]) {
        match self.unit {
            Unit::Tiles(_) | Unit::Lanes(_) => debug_assert!(by == 0, "a number of a byte"),
            // SAFETY: `all` saw the instructions.
            Unit::Pairs(_) => unsafe { pairs::add(at, by, panel.lines, sums) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that look random.
    fn bytes(seed: u64) -> impl FnMut() -> u8 {
        let mut state = seed;
        move || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 56) as u8
        }
    }

    /// Weights as large as can be, those of other signs beside each other or far away, among
    /// smaller ones.
    fn weights(kind: usize, depth: usize) -> Vec<[i8; COLUMNS]> {
        let mut next = bytes(kind as u64);
        let weight = |at: usize, column: usize, random: i8| match (kind, column % 4) {
            (0, _) => random,
            (1, 0) => i8::MAX,
            (1, 1) => i8::MIN,
            (1, 2) => [i8::MAX, i8::MIN][at % 2],
            (1, _) => [i8::MAX, i8::MIN][at / 8 % 2],
            _ => random / 4,
        };
        (0..depth)
            .map(|at| std::array::from_fn(|column| weight(at, column, next().cast_signed())))
            .collect()
    }

    #[test]
    fn every_unit_multiplies_whole_numbers_exactly() {
        for (unit, kind) in Unit::all().flat_map(|unit| [0, 1, 2].map(|kind| (unit, kind))) {
            for (depth, zero) in [(64, 8), (64, 128), (384, 128), (1536, 8)] {
                let weights = weights(kind, depth);
                let mut lines = Vec::new();
                for (half, top) in [0, TILE]
                    .into_iter()
                    .flat_map(|half| (0..depth).step_by(DEEP).map(move |top| (half, top)))
                {
                    let value = |place: usize| weights[top + place % DEEP][half + place / DEEP];
                    lines.push(Line(std::array::from_fn(value)));
                }
                let lowest = if unit.steps() == u8::MAX { 0 } else { zero - zero.min(64) };
                let zeros = unit.zeros(&lines, lowest, zero);
                let panel = Panel { lines: &lines, zeros: &zeros };
                let mut next = bytes(depth as u64);
                for rows in [1, 2, 8, 9, 17, 32] {
                    let left: Vec<u8> = (0..ROWS * depth)
                        .map(|at| match at / depth % 3 {
                            0 => unit.steps(),
                            1 => 0,
                            _ => next() & unit.steps(),
                        })
                        .collect();
                    let ready = unit.ready();
                    let mut out = Block([[0; COLUMNS]; ROWS]);
                    ready.block(rows, depth, &left, panel, &mut out);
                    let more = if unit.steps() == u8::MAX { 0 } else { -63 };
                    ready.add((depth - 2, more), panel, &mut out.0[rows - 1]);
                    for (row, sums) in out.0[..rows].iter().enumerate() {
                        let number = |at: usize| i32::from(left[row * depth + at]);
                        let exact: [i32; COLUMNS] = std::array::from_fn(|column| {
                            let product = |at: usize| {
                                let more =
                                    if (row, at) == (rows - 1, depth - 2) { more } else { 0 };
                                let weight = i32::from(weights[at][column]);
                                (number(at) + i32::from(lowest) + more) * weight
                            };
                            (0..depth).map(product).sum()
                        });
                        assert_eq!(*sums, exact, "{unit:?}, {kind}, {depth}, row {row} of {rows}");
                    }
                }
            }
        }
    }
}
