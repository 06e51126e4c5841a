//! The instructions that integers are multiplied with.

mod lanes;
mod pairs;
mod tiles;

use std::arch::asm;
use std::sync::OnceLock;

use crate::lanes::{Narrow, Wide};

/// Rows of a block.
pub(crate) const ROWS: usize = 32;
/// Columns of a block.
pub(crate) const COLUMNS: usize = 32;
/// The rows and the columns of one tile; a block has four.
pub(crate) const TILE: usize = 16;
/// Bytes of a row of a tile, and of a line of weights.
pub(crate) const LINE: usize = 64;

/// Numbers as they come out, row by row.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Block(pub(crate) [[i32; COLUMNS]; ROWS]);

/// A line of weights.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line(pub(crate) [i8; LINE]);

/// What a processor multiplies integers with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// AMX: a block of tiles at once; 16-bit floats too.
    Tiles(Wide),
    /// AVX-512 VNNI: four products for each of sixteen columns at once.
    Lanes(Wide),
    /// AVX2: two products for each of eight columns at once.
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

    /// Whether a thread does all of a run, as others would not make it shorter.
    pub(crate) fn is_alone(self) -> bool {
        matches!(self, Self::Tiles(_))
    }

    /// How many numbers of a column stand side by side in a line of weights, and how many columns
    /// have as many lines after one another.
    pub(crate) fn layout(self) -> (usize, usize) {
        match self {
            Self::Tiles(_) | Self::Lanes(_) => (LINE / TILE, TILE),
            Self::Pairs(_) => (LINE / COLUMNS, COLUMNS),
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
    /// another in `left`, with [`COLUMNS`] columns of `right`, which are laid out as the unit has
    /// them ([`Unit::layout`]). What other rows of `out` hold is of no use.
    ///
    /// # Panics
    /// When a slice is too short, that of `left` for the next multiple of [`TILE`] of rows, or
    /// `depth` no multiple of [`LINE`].
    pub(crate) fn block(
        &self,
        rows: usize,
        depth: usize,
        left: &[u8],
        right: &[Line],
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
            Unit::Pairs(_) => unsafe { pairs::multiply(rows, depth, left, right, out) },
        }
    }
}
