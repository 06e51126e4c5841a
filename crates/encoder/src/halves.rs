//! Floats of 16 bits (bfloat16), and the instructions they are multiplied with.

use std::arch::asm;
use std::arch::x86_64::{
    __m512bh, __m512i, _mm512_cvtne2ps_pbh, _mm512_loadu_si512, _mm512_permutex2var_epi16,
    _mm512_shuffle_i32x4, _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64,
};
use std::mem::transmute;

use crate::lanes::wide::Lanes;
use crate::unit::{COLUMNS, LINE, Ready, TILE};

/// Numbers of a line.
pub(crate) const WIDTH: usize = LINE / size_of::<u16>();

/// A line of a tile: the first operand's has [`WIDTH`] numbers of a row; the second's has two
/// numbers of each of [`TILE`] columns.
#[repr(C, align(64))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Half(pub(crate) [u16; WIDTH]);

impl Half {
    pub(crate) const ZERO: Self = Self([0; WIDTH]);

    /// The nearest ones; the even one of two.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    #[inline]
    pub(crate) fn of(lanes: [Lanes; 2]) -> Self {
        // SAFETY: both are 512 bits without further meaning.
        let bits =
            unsafe { transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(lanes[1], lanes[0])) };
        Self::from_bits(bits)
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn from_bits(bits: __m512i) -> Self {
        let mut half = Self::ZERO;
        // SAFETY: a line has that many bits.
        unsafe { _mm512_storeu_si512(half.0.as_mut_ptr().cast(), bits) };
        half
    }

    #[target_feature(enable = "avx512f")]
    #[inline]
    fn bits(&self) -> __m512i {
        // SAFETY: a line has that many bits.
        unsafe { _mm512_loadu_si512(self.0.as_ptr().cast()) }
    }
}

/// Rows as columns: line n of `tile` has numbers 2n and 2n + 1 of each row.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub(crate) fn turn(rows: &[Half; TILE], tile: &mut [Half; TILE]) {
    let rows: [__m512i; TILE] = std::array::from_fn(|row| rows[row].bits());
    let pairs: [__m512i; TILE] = std::array::from_fn(|at| {
        let (a, b) = (rows[at & !1], rows[at | 1]);
        if at & 1 == 0 { _mm512_unpacklo_epi32(a, b) } else { _mm512_unpackhi_epi32(a, b) }
    });
    // Of four rows each: in each quarter one number of all four.
    let fours: [__m512i; TILE] = std::array::from_fn(|at| {
        let low = (at & !3) | (at & 2) >> 1;
        let (a, b) = (pairs[low], pairs[low + 2]);
        if at & 1 == 0 { _mm512_unpacklo_epi64(a, b) } else { _mm512_unpackhi_epi64(a, b) }
    });
    for number in 0..4 {
        let [a, b, c, d] = std::array::from_fn(|four| fours[4 * four + number]);
        let near = [_mm512_shuffle_i32x4(a, b, 0x44), _mm512_shuffle_i32x4(c, d, 0x44)];
        let far = [_mm512_shuffle_i32x4(a, b, 0xee), _mm512_shuffle_i32x4(c, d, 0xee)];
        tile[number] = Half::from_bits(_mm512_shuffle_i32x4(near[0], near[1], 0x88));
        tile[4 + number] = Half::from_bits(_mm512_shuffle_i32x4(near[0], near[1], 0xdd));
        tile[8 + number] = Half::from_bits(_mm512_shuffle_i32x4(far[0], far[1], 0x88));
        tile[12 + number] = Half::from_bits(_mm512_shuffle_i32x4(far[0], far[1], 0xdd));
    }
}

/// Two rows side by side: the line of the tile of their first [`TILE`] columns, and that of the
/// others.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
#[inline]
pub(crate) fn weave(upper: &Half, lower: &Half) -> [Half; 2] {
    const fn order(first: u16) -> Half {
        let mut order = [0; WIDTH];
        let mut at = 0;
        while at < WIDTH {
            let row = if at % 2 == 0 { 0 } else { WIDTH as u16 };
            order[at] = row + first + (at / 2) as u16;
            at += 1;
        }
        Half(order)
    }
    static ORDERS: [Half; 2] = [order(0), order(TILE as u16)];
    let (upper, lower) = (upper.bits(), lower.bits());
    let woven = |order: &Half| _mm512_permutex2var_epi16(upper, order.bits(), lower);
    [Half::from_bits(woven(&ORDERS[0])), Half::from_bits(woven(&ORDERS[1]))]
}

/// Rows of sums, as wide as a line.
#[repr(C, align(64))]
#[derive(Debug)]
pub(crate) struct Sums(pub(crate) [[f32; COLUMNS]; TILE]);

impl Ready {
    /// The dot products of [`TILE`] rows with the columns of `tiles`, which come in pairs: `out`
    /// has a row of as many numbers as there are columns for each.
    ///
    /// # Panics
    /// When the number of columns is no multiple of two tiles', or `out` is not as large as said.
    pub(crate) fn dots(&self, rows: &[Half; TILE], tiles: &[Half], out: &mut [f32]) {
        assert!(tiles.len().is_multiple_of(2 * TILE) && !tiles.is_empty(), "pairs of tiles");
        assert_eq!(out.len(), tiles.len() * TILE, "a number for each row and column");
        self.expect_tiles();
        // SAFETY: the thread is ready for tiles; all that is read and written is in the slices.
        unsafe {
            asm!(
                "tileloadd tmm4, [{rows} + {line}]",
                "2:",
                "tilezero tmm0",
                "tilezero tmm1",
                "tileloadd tmm6, [{tiles} + {line}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{tiles} + {line} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "tilestored [{out} + {width}], tmm0",
                "tilestored [{out} + {width} + 64], tmm1",
                "add {tiles}, 2048",
                "add {out}, 128",
                "dec {steps}",
                "jnz 2b",
                rows = in(reg) rows.as_ptr(),
                line = in(reg) LINE,
                tiles = inout(reg) tiles.as_ptr() => _,
                out = inout(reg) out.as_mut_ptr() => _,
                width = in(reg) tiles.len() * size_of::<f32>(),
                steps = inout(reg) tiles.len() / (2 * TILE) => _,
                options(nostack),
            );
        }
    }

    /// The products of [`TILE`] rows of `depth` lines each with as many pairs of tiles: columns
    /// of the first of each pair, then those of the second.
    ///
    /// # Panics
    /// When a slice is not as long as said.
    pub(crate) fn sums(&self, depth: usize, rows: &[Half], tiles: &[Half], out: &mut Sums) {
        assert!(depth > 0 && rows.len() == TILE * depth, "lines of a row");
        assert_eq!(tiles.len(), 2 * TILE * depth, "a pair of tiles for each line");
        self.expect_tiles();
        // SAFETY: the thread is ready for tiles; all that is read and written is in the slices.
        unsafe {
            asm!(
                "tilezero tmm0",
                "tilezero tmm1",
                "2:",
                "tileloadd tmm4, [{rows} + {width}]",
                "tileloadd tmm6, [{tiles} + {line}]",
                "tdpbf16ps tmm0, tmm4, tmm6",
                "tileloadd tmm7, [{tiles} + {line} + 1024]",
                "tdpbf16ps tmm1, tmm4, tmm7",
                "add {rows}, 64",
                "add {tiles}, 2048",
                "dec {steps}",
                "jnz 2b",
                "tilestored [{out} + {wide}], tmm0",
                "tilestored [{out} + {wide} + 64], tmm1",
                rows = inout(reg) rows.as_ptr() => _,
                width = in(reg) depth * LINE,
                tiles = inout(reg) tiles.as_ptr() => _,
                line = in(reg) LINE,
                steps = inout(reg) depth => _,
                out = in(reg) out.0.as_mut_ptr(),
                wide = in(reg) COLUMNS * size_of::<f32>(),
                options(nostack),
            );
        }
    }
}
