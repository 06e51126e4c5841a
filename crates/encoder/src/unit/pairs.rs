//! AVX2.
//!
//! Its product of bytes (`vpmaddubsw`) adds two of them in 16 bits. There is room for two where
//! what is multiplied with the weights is at most [`STEPS`]; what is above that is multiplied by
//! itself ([`add`]). To make the sums wider takes as long as a product, so those of eight products
//! are added in 16 bits before. They wrap around there, which does no harm where it is known how
//! far they are, whatever the row holds, from what they would be if it held zeros: that depends on
//! the weights alone ([`Zeros`]), and holds for nearly all.

use std::arch::x86_64::{
    __m256i, _MM_HINT_T0, _mm_cvtsi32_si128, _mm_prefetch, _mm256_add_epi16, _mm256_add_epi32,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_mullo_epi32,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_sll_epi32, _mm256_srai_epi32, _mm256_storeu_si256,
    _mm256_sub_epi16,
};

use super::{Block, COLUMNS, DEEP, LINE, Line};
use crate::lanes::{Narrow, Simd};

/// The highest number of a row.
const STEPS: u8 = <Narrow as Simd>::STEPS;
/// Numbers of a row whose products are added in 16 bits where they fit.
const GROUP: usize = 16;
/// Lines of a group.
const LINES: usize = GROUP / DEEP;
/// Bytes of a register.
const BYTES: usize = 32;
/// Numbers of 16 bits in a register.
const PAIRS: usize = BYTES / 2;
/// Columns whose sums are in one register.
const SUMS: usize = BYTES / 4;
/// Registers of a block's columns.
const PARTS: usize = COLUMNS / SUMS;
/// Rows that are multiplied at once at most: as many as leave registers for their sums.
const MOST_ROWS: usize = 8;

/// What products with some weights are where a row holds nothing but zeros.
#[derive(Debug, Default)]
pub(crate) struct Zeros {
    /// The sums of each group, for each register of columns: the groups of the first one, then
    /// those of the next.
    groups: Vec<Group>,
    /// What each column's sum begins with: the numbers of a row are counted from above 0, and
    /// those of the groups are counted from what zeros give.
    begin: [i32; COLUMNS],
}

/// A group for one register of columns.
#[derive(Debug)]
struct Group {
    /// The sums where the row holds zeros, without what is above 16 bits.
    zeros: [i16; PAIRS],
    /// Whether all sums are less than half of 16 bits away from these.
    fits: bool,
}

impl Zeros {
    /// Those of the weights of a panel, with which numbers are multiplied that are counted from
    /// `lowest` on, and of which `zero` stands for zero.
    pub(super) fn of(right: &[Line], lowest: u8, zero: u8) -> Self {
        let mut zeros = Self::default();
        let below = i32::from(zero) - i32::from(lowest);
        let above = i32::from(STEPS) - below;
        for part in 0..PARTS {
            let lines = &right[place(right.len() / 2, part)..][..right.len() / 2];
            for lines in lines.chunks_exact(LINES) {
                let weights = |pair: usize| {
                    let first = part % 2 * BYTES + 2 * pair;
                    lines.iter().flat_map(move |line| [line.0[first], line.0[first + 1]])
                };
                let sums: [i32; PAIRS] =
                    std::array::from_fn(|pair| weights(pair).map(i32::from).sum());
                let fits = (0..PAIRS).all(|pair| {
                    let reach = |weight: i8| match i32::from(weight) {
                        weight if weight > 0 => (-below * weight, above * weight),
                        weight => (above * weight, -below * weight),
                    };
                    let reaches = weights(pair).map(reach);
                    let (least, most) = reaches.fold((0, 0), |(a, b), (c, d)| (a + c, b + d));
                    i16::try_from(least).is_ok() && i16::try_from(most).is_ok()
                });
                let counted = i32::from(lowest) + if fits { below } else { 0 };
                for (pair, sum) in sums.iter().enumerate() {
                    zeros.begin[part * SUMS + pair / 2] += counted * sum;
                }
                // Without what is above.
                zeros.groups.push(Group { zeros: sums.map(|sum| (below * sum) as i16), fits });
            }
        }
        zeros
    }
}

/// The first line with the columns of a register, where `half` lines have half of all columns.
const fn place(half: usize, part: usize) -> usize {
    part * SUMS * DEEP / LINE * half
}

/// Multiplies `rows` rows in groups of about the same size. Their numbers are at most [`STEPS`];
/// `zeros` are those of `right`.
#[target_feature(enable = "avx2")]
pub(super) fn multiply(
    rows: usize,
    depth: usize,
    left: &[u8],
    right: (&[Line], &Zeros),
    out: &mut Block,
) {
    let mut first = 0;
    for groups in (1..=rows.div_ceil(MOST_ROWS)).rev() {
        let number = (rows - first).div_ceil(groups);
        let (left, out) = (&left[first * depth..], &mut out.0[first..]);
        match number {
            1 => some::<1>(depth, left, right, out),
            2 => some::<2>(depth, left, right, out),
            3 => some::<3>(depth, left, right, out),
            4 => some::<4>(depth, left, right, out),
            5 => some::<5>(depth, left, right, out),
            6 => some::<6>(depth, left, right, out),
            7 => some::<7>(depth, left, right, out),
            _ => some::<MOST_ROWS>(depth, left, right, out),
        }
        first += number;
    }
}

/// Multiplies the first `N` rows.
#[target_feature(enable = "avx2")]
fn some<const N: usize>(
    depth: usize,
    left: &[u8],
    (right, zeros): (&[Line], &Zeros),
    out: &mut [[i32; COLUMNS]],
) {
    assert!(left.len() >= N * depth && right.len() == depth / 2 && out.len() >= N, "rows");
    assert!(zeros.groups.len() == depth / GROUP * PARTS, "groups");
    let ones = _mm256_set1_epi16(1);
    let left = left.as_ptr().cast::<i32>();
    for (part, groups) in zeros.groups.chunks_exact(depth / GROUP).enumerate() {
        // SAFETY: the numbers of a register are there, here and below; any alignment will do.
        let begin = unsafe { _mm256_loadu_si256(zeros.begin[part * SUMS..].as_ptr().cast()) };
        let mut sums = [begin; N];
        let lines = &right[place(depth / 4, part)..][..depth / 4];
        for (at, (group, lines)) in groups.iter().zip(lines.chunks_exact(LINES)).enumerate() {
            // The weights of the panel behind this one, half of a group's for each register.
            let ahead = right.as_ptr().wrapping_add(right.len() + (part * depth / GROUP + at) * 2);
            _mm_prefetch::<_MM_HINT_T0>(ahead.cast());
            _mm_prefetch::<_MM_HINT_T0>(ahead.wrapping_add(1).cast());
            let weights: [__m256i; LINES] = std::array::from_fn(|line| unsafe {
                _mm256_loadu_si256(lines[line].0[part % 2 * BYTES..].as_ptr().cast())
            });
            let four = |row: usize, line: usize| {
                // SAFETY: within the rows of `left`; four bytes of any alignment.
                let four = unsafe { left.add(row * (depth / DEEP) + at * LINES + line) };
                _mm256_set1_epi32(unsafe { four.read_unaligned() })
            };
            if group.fits {
                let zeros = unsafe { _mm256_loadu_si256(group.zeros.as_ptr().cast()) };
                for (row, sum) in sums.iter_mut().enumerate() {
                    let product = |at: usize| _mm256_maddubs_epi16(four(row, at), weights[at]);
                    let two = _mm256_add_epi16(_mm256_sub_epi16(product(0), zeros), product(1));
                    let all = _mm256_add_epi16(_mm256_add_epi16(two, product(2)), product(3));
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(all, ones));
                }
            } else {
                for (row, sum) in sums.iter_mut().enumerate() {
                    for (line, weights) in weights.iter().enumerate() {
                        let two = _mm256_maddubs_epi16(four(row, line), *weights);
                        *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(two, ones));
                    }
                }
            }
        }
        for (sum, row) in sums.iter().zip(out.iter_mut()) {
            // SAFETY: there is room for that many.
            unsafe { _mm256_storeu_si256(row[part * SUMS..].as_mut_ptr().cast(), *sum) };
        }
    }
}

/// Adds `by` times number `at` of each column of `right` to `sums`.
#[target_feature(enable = "avx2")]
pub(super) fn add(at: usize, by: i32, right: &[Line], sums: &mut [i32; COLUMNS]) {
    let by = _mm256_set1_epi32(by);
    // The byte of each four that is meant becomes the highest one, and then a number.
    let up = _mm_cvtsi32_si128(8 * (DEEP - 1 - at % DEEP) as i32);
    for (part, places) in sums.as_chunks_mut::<SUMS>().0.iter_mut().enumerate() {
        let line = &right[place(right.len() / 2, part) + at / DEEP];
        let bytes = &line.0[part % 2 * BYTES..][..BYTES];
        // SAFETY: that many are there, and any alignment will do.
        let (fours, sum) = unsafe {
            (_mm256_loadu_si256(bytes.as_ptr().cast()), _mm256_loadu_si256(places.as_ptr().cast()))
        };
        let weights = _mm256_srai_epi32::<24>(_mm256_sll_epi32(fours, up));
        let sum = _mm256_add_epi32(sum, _mm256_mullo_epi32(weights, by));
        // SAFETY: there is room for that many.
        unsafe { _mm256_storeu_si256(places.as_mut_ptr().cast(), sum) };
    }
}
