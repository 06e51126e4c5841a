//! AVX2.
//!
//! Its own product of bytes (`vpmaddubsw`) adds two of them in 16 bits, where they do not always
//! fit. So bytes are made 16-bit numbers first: those of the weights as they are read, for all rows
//! that are multiplied at once, and those of the rows before.

use std::arch::x86_64::{
    __m256i, _mm_loadu_si128, _mm256_add_epi32, _mm256_cvtepi8_epi16, _mm256_cvtepu8_epi16,
    _mm256_madd_epi16, _mm256_set1_epi32, _mm256_setzero_si256, _mm256_storeu_si256,
};

use super::{Block, COLUMNS, LINE, Line};

/// Rows that are multiplied at once at most: as many as leave registers for their sums.
const MOST_ROWS: usize = 2;
/// Numbers of a row that are made wider at once.
const DEPTH: usize = 384;
/// Numbers of a register of 16 bits each.
const WIDTH: usize = 16;
/// Registers of a line of weights.
const PARTS: usize = LINE / WIDTH;
/// Columns whose sums are in one register.
const SUMS: usize = COLUMNS / PARTS;

/// Multiplies `rows` rows in groups of about the same size.
#[target_feature(enable = "avx2")]
pub(super) fn multiply(rows: usize, depth: usize, left: &[u8], right: &[Line], out: &mut Block) {
    let mut first = 0;
    for groups in (1..=rows.div_ceil(MOST_ROWS)).rev() {
        let number = (rows - first).div_ceil(groups);
        let (left, out) = (&left[first * depth..], &mut out.0[first..]);
        match number {
            1 => some::<1>(depth, left, right, out),
            2 => some::<2>(depth, left, right, out),
            _ => some::<MOST_ROWS>(depth, left, right, out),
        }
        first += number;
    }
}

/// Multiplies the first `N` rows.
#[target_feature(enable = "avx2")]
fn some<const N: usize>(depth: usize, left: &[u8], right: &[Line], out: &mut [[i32; COLUMNS]]) {
    let mut sums: [[__m256i; PARTS]; N] = [[_mm256_setzero_si256(); PARTS]; N];
    // Two numbers in a place.
    let mut rows = [[0_i32; DEPTH / 2]; N];
    for (at, right) in right.chunks(DEPTH / 2).enumerate() {
        for (number, row) in rows.iter_mut().enumerate() {
            widen(&left[number * depth + at * DEPTH..][..2 * right.len()], row);
        }
        for (at, line) in right.iter().enumerate() {
            let (bytes, _) = line.0.as_chunks::<WIDTH>();
            let weights: [__m256i; PARTS] = std::array::from_fn(|part| {
                // SAFETY: that many bytes are there, and any alignment will do.
                _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(bytes[part].as_ptr().cast()) })
            });
            for (sums, row) in sums.iter_mut().zip(&rows) {
                let pair = _mm256_set1_epi32(row[at]);
                for (sum, weights) in sums.iter_mut().zip(weights) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pair, weights));
                }
            }
        }
    }
    for (sums, row) in sums.iter().zip(out) {
        for (sum, places) in sums.iter().zip(row.as_chunks_mut::<SUMS>().0) {
            // SAFETY: there is room for that many, and any alignment will do.
            unsafe { _mm256_storeu_si256(places.as_mut_ptr().cast(), *sum) };
        }
    }
}

/// Makes 16-bit numbers of bytes, two in a place.
#[target_feature(enable = "avx2")]
#[inline]
fn widen(bytes: &[u8], row: &mut [i32; DEPTH / 2]) {
    let places = row.as_chunks_mut::<{ WIDTH / 2 }>().0;
    for (bytes, places) in bytes.as_chunks::<WIDTH>().0.iter().zip(places) {
        // SAFETY: that many are there, there is room for them, and any alignment will do.
        unsafe {
            let wide = _mm256_cvtepu8_epi16(_mm_loadu_si128(bytes.as_ptr().cast()));
            _mm256_storeu_si256(places.as_mut_ptr().cast(), wide);
        }
    }
}
