//! Sixteen floats at once by AVX-512: in one register.

use std::arch::x86_64::{
    __m512, _mm_storeu_si128, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_cvtps_epi32,
    _mm512_cvtusepi32_epi8, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_max_epi32,
    _mm512_max_ps, _mm512_mul_ps, _mm512_rcp14_ps, _mm512_reduce_add_ps, _mm512_reduce_max_ps,
    _mm512_roundscale_ps, _mm512_scalef_ps, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_storeu_ps, _mm512_sub_ps,
};

use super::{GELU_FACTORS, LANES, POWER_SERIES, Simd};

/// A processor with AVX-512 (F, BW, DQ and VL) and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wide(());

impl Wide {
    /// Nothing where the processor has not all of these.
    pub(crate) fn find() -> Option<Self> {
        let there = std::arch::is_x86_feature_detected!("avx512f")
            && std::arch::is_x86_feature_detected!("avx512bw")
            && std::arch::is_x86_feature_detected!("avx512dq")
            && std::arch::is_x86_feature_detected!("avx512vl")
            && std::arch::is_x86_feature_detected!("fma");
        there.then_some(Self(()))
    }
}

/// Numbers as the processor adds and multiplies them.
pub(crate) type Lanes = __m512;

// SAFETY of all: there is a `Wide` only where the processor has the instructions.
impl Simd for Wide {
    type Lanes = Lanes;
    const QUERIES: usize = 8;
    const STEPS: u8 = u8::MAX;

    #[inline(always)]
    fn zero(self) -> Lanes {
        unsafe { _mm512_setzero_ps() }
    }

    #[inline(always)]
    fn all(self, x: f32) -> Lanes {
        unsafe { _mm512_set1_ps(x) }
    }

    #[inline(always)]
    fn load(self, numbers: &[f32; LANES]) -> Lanes {
        unsafe { load(numbers) }
    }

    #[inline(always)]
    fn load_integers(self, numbers: &[i32; LANES]) -> Lanes {
        unsafe { load_integers(numbers) }
    }

    #[inline(always)]
    fn store(self, lanes: Lanes, numbers: &mut [f32; LANES]) {
        unsafe { store(lanes, numbers) }
    }

    #[inline(always)]
    fn store_bytes(self, lanes: Lanes, numbers: &mut [u8; LANES]) {
        unsafe { store_bytes(lanes, numbers) }
    }

    #[inline(always)]
    fn add(self, a: Lanes, b: Lanes) -> Lanes {
        unsafe { _mm512_add_ps(a, b) }
    }

    #[inline(always)]
    fn sub(self, a: Lanes, b: Lanes) -> Lanes {
        unsafe { _mm512_sub_ps(a, b) }
    }

    #[inline(always)]
    fn mul(self, a: Lanes, b: Lanes) -> Lanes {
        unsafe { _mm512_mul_ps(a, b) }
    }

    #[inline(always)]
    fn max(self, a: Lanes, b: Lanes) -> Lanes {
        unsafe { _mm512_max_ps(a, b) }
    }

    #[inline(always)]
    fn mul_add(self, a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        unsafe { _mm512_fmadd_ps(a, b, c) }
    }

    #[inline(always)]
    fn sum(self, lanes: Lanes) -> f32 {
        unsafe { _mm512_reduce_add_ps(lanes) }
    }

    #[inline(always)]
    fn greatest(self, lanes: Lanes) -> f32 {
        unsafe { _mm512_reduce_max_ps(lanes) }
    }

    #[inline(always)]
    fn power(self, exponents: Lanes) -> Lanes {
        unsafe { power(exponents) }
    }

    #[inline(always)]
    fn gelu(self, x: Lanes) -> Lanes {
        unsafe { gelu(x) }
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(numbers: &[f32; LANES]) -> Lanes {
    // SAFETY: that many are there, and any alignment will do.
    unsafe { _mm512_loadu_ps(numbers.as_ptr()) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load_integers(numbers: &[i32; LANES]) -> Lanes {
    // SAFETY: that many are there, and any alignment will do.
    _mm512_cvtepi32_ps(unsafe { _mm512_loadu_si512(numbers.as_ptr().cast()) })
}

#[target_feature(enable = "avx512f")]
#[inline]
fn store(lanes: Lanes, numbers: &mut [f32; LANES]) {
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

#[target_feature(enable = "avx512f")]
#[inline]
fn store_bytes(lanes: Lanes, numbers: &mut [u8; LANES]) {
    let whole = _mm512_max_epi32(_mm512_cvtps_epi32(lanes), _mm512_setzero_si512());
    // SAFETY: there is room for that many, and any alignment will do.
    unsafe { _mm_storeu_si128(numbers.as_mut_ptr().cast(), _mm512_cvtusepi32_epi8(whole)) }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn power(exponents: Lanes) -> Lanes {
    let exponents = _mm512_max_ps(exponents, _mm512_set1_ps(-126.0));
    let whole = _mm512_roundscale_ps(exponents, 0);
    let part = _mm512_sub_ps(exponents, whole);
    let mut power = _mm512_set1_ps(POWER_SERIES[0]);
    for term in &POWER_SERIES[1..] {
        power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(*term));
    }
    _mm512_scalef_ps(power, whole)
}

#[target_feature(enable = "avx512f")]
#[inline]
fn gelu(x: Lanes) -> Lanes {
    let square = _mm512_mul_ps(x, x);
    let [first, third] = GELU_FACTORS.map(|factor| _mm512_set1_ps(factor));
    let exponent = _mm512_mul_ps(x, _mm512_fmadd_ps(square, third, first));
    let one = _mm512_set1_ps(1.0);
    _mm512_mul_ps(x, _mm512_rcp14_ps(_mm512_add_ps(one, power(exponent))))
}
