//! AVX-512 VNNI.

use std::arch::x86_64::{
    __m512i, _mm512_dpbusd_epi32, _mm512_loadu_si512, _mm512_set1_epi32, _mm512_setzero_si512,
    _mm512_storeu_si512,
};

use super::{Block, COLUMNS, Line, TILE};

/// Rows that are multiplied at once at most: as many as leave registers for their sums.
const MOST_ROWS: usize = 12;

/// Multiplies `rows` rows in groups of about the same size.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
pub(super) fn multiply(rows: usize, depth: usize, left: &[u8], right: &[Line], out: &mut Block) {
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
            8 => some::<8>(depth, left, right, out),
            9 => some::<9>(depth, left, right, out),
            10 => some::<10>(depth, left, right, out),
            11 => some::<11>(depth, left, right, out),
            _ => some::<MOST_ROWS>(depth, left, right, out),
        }
        first += number;
    }
}

/// Multiplies the first `N` rows.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn some<const N: usize>(depth: usize, left: &[u8], right: &[Line], out: &mut [[i32; COLUMNS]]) {
    assert!(left.len() >= N * depth && right.len() == depth / 2 && out.len() >= N, "rows");
    let mut sums: [[__m512i; 2]; N] = [[_mm512_setzero_si512(); 2]; N];
    let rows = left.as_ptr().cast::<i32>();
    for at in 0..depth / 4 {
        // SAFETY: both are within `right`.
        let (near, far) = unsafe {
            let near = right.as_ptr().add(at);
            (_mm512_loadu_si512(near.cast()), _mm512_loadu_si512(near.add(depth / 4).cast()))
        };
        for (row, sums) in sums.iter_mut().enumerate() {
            // SAFETY: within the rows of `left`; four bytes of any alignment.
            let four = unsafe { rows.add(row * (depth / 4) + at).read_unaligned() };
            let four = _mm512_set1_epi32(four);
            sums[0] = _mm512_dpbusd_epi32(sums[0], four, near);
            sums[1] = _mm512_dpbusd_epi32(sums[1], four, far);
        }
    }
    for (sums, row) in sums.iter().zip(out) {
        let row = row.as_mut_ptr();
        // SAFETY: a row has 32 numbers.
        unsafe {
            _mm512_storeu_si512(row.cast(), sums[0]);
            _mm512_storeu_si512(row.add(TILE).cast(), sums[1]);
        }
    }
}
