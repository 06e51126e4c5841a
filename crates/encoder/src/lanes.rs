//! Sixteen floats at once.

use std::arch::x86_64::{
    __m512, _mm_storeu_si128, _mm512_cvtepi32_ps, _mm512_cvtps_epi32, _mm512_cvtusepi32_epi8,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_max_epi32, _mm512_setzero_si512, _mm512_storeu_ps,
};

/// How many there are.
pub(crate) const LANES: usize = 16;

/// Numbers as the processor adds and multiplies them.
pub(crate) type Lanes = __m512;

#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn load(numbers: &[f32; LANES]) -> Lanes {
    // SAFETY: that many are there, and any alignment will do.
    unsafe { _mm512_loadu_ps(numbers.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn load_integers(numbers: &[i32; LANES]) -> Lanes {
    // SAFETY: that many are there, and any alignment will do.
    _mm512_cvtepi32_ps(unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) })
}

#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn store(lanes: Lanes, numbers: &mut [f32; LANES]) {
    // SAFETY: there is room for that many, and any alignment will do.
    unsafe { _mm512_storeu_ps(numbers.as_mut_ptr(), lanes) }
}

/// The first two of `numbers`.
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn load_two(numbers: &[f32]) -> [Lanes; 2] {
    let (numbers, _) = numbers.as_chunks::<LANES>();
    [load(&numbers[0]), load(&numbers[1])]
}

/// Puts both at the beginning of `numbers`.
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn store_two(lanes: [Lanes; 2], numbers: &mut [f32]) {
    let (numbers, _) = numbers.as_chunks_mut::<LANES>();
    store(lanes[0], &mut numbers[0]);
    store(lanes[1], &mut numbers[1]);
}

/// The nearest whole numbers from 0 to 255; the even one of two.
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn store_bytes(lanes: Lanes, numbers: &mut [u8; LANES]) {
    let whole = _mm512_max_epi32(_mm512_cvtps_epi32(lanes), _mm512_setzero_si512());
    // SAFETY: there is room for that many, and any alignment will do.
    unsafe { _mm_storeu_si128(numbers.as_mut_ptr().cast(), _mm512_cvtusepi32_epi8(whole)) }
}
