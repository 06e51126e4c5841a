//! Sixteen floats at once by AVX2: in two registers.

use std::arch::x86_64::{
    __m256, _MM_FROUND_NO_EXC, _MM_FROUND_TO_NEAREST_INT, _mm_add_ps, _mm_cvtss_f32, _mm_max_ps,
    _mm_movehl_ps, _mm_packus_epi16, _mm_shuffle_ps, _mm_storeu_si128, _mm256_add_epi32,
    _mm256_add_ps, _mm256_castps256_ps128, _mm256_castsi256_ps, _mm256_castsi256_si128,
    _mm256_cvtepi32_ps, _mm256_cvtps_epi32, _mm256_div_ps, _mm256_extractf128_ps,
    _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_max_ps,
    _mm256_min_ps, _mm256_mul_ps, _mm256_packs_epi32, _mm256_permute4x64_epi64, _mm256_round_ps,
    _mm256_set1_epi32, _mm256_set1_ps, _mm256_setzero_ps, _mm256_slli_epi32, _mm256_storeu_ps,
    _mm256_sub_ps,
};

use super::{GELU_FACTORS, LANES, POWER_SERIES, Simd};

/// Numbers of a register.
const HALF: usize = LANES / 2;

/// A processor with AVX2 and FMA.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Narrow(());

impl Narrow {
    /// Nothing where the processor has not both.
    pub(crate) fn find() -> Option<Self> {
        let there = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("fma");
        there.then_some(Self(()))
    }
}

/// Numbers as the processor adds and multiplies them.
type Lanes = [__m256; 2];

// SAFETY of all: there is a `Narrow` only where the processor has the instructions.
impl Simd for Narrow {
    type Lanes = Lanes;
    const QUERIES: usize = 2;
    const STEPS: u8 = 127;

    #[inline(always)]
    fn zero(self) -> Lanes {
        [unsafe { _mm256_setzero_ps() }; 2]
    }

    #[inline(always)]
    fn all(self, x: f32) -> Lanes {
        [unsafe { _mm256_set1_ps(x) }; 2]
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
        unsafe { [_mm256_add_ps(a[0], b[0]), _mm256_add_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn sub(self, a: Lanes, b: Lanes) -> Lanes {
        unsafe { [_mm256_sub_ps(a[0], b[0]), _mm256_sub_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul(self, a: Lanes, b: Lanes) -> Lanes {
        unsafe { [_mm256_mul_ps(a[0], b[0]), _mm256_mul_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn max(self, a: Lanes, b: Lanes) -> Lanes {
        unsafe { [_mm256_max_ps(a[0], b[0]), _mm256_max_ps(a[1], b[1])] }
    }

    #[inline(always)]
    fn mul_add(self, a: Lanes, b: Lanes, c: Lanes) -> Lanes {
        unsafe { [_mm256_fmadd_ps(a[0], b[0], c[0]), _mm256_fmadd_ps(a[1], b[1], c[1])] }
    }

    #[inline(always)]
    fn sum(self, lanes: Lanes) -> f32 {
        unsafe { sum(lanes) }
    }

    #[inline(always)]
    fn greatest(self, lanes: Lanes) -> f32 {
        unsafe { greatest(lanes) }
    }

    #[inline(always)]
    fn power(self, exponents: Lanes) -> Lanes {
        exponents.map(|exponents| unsafe { power(exponents) })
    }

    #[inline(always)]
    fn gelu(self, x: Lanes) -> Lanes {
        x.map(|x| unsafe { gelu(x) })
    }
}

#[target_feature(enable = "avx")]
#[inline]
fn load(numbers: &[f32; LANES]) -> Lanes {
    let first = numbers.as_ptr();
    // SAFETY: that many are there, and any alignment will do.
    unsafe { [_mm256_loadu_ps(first), _mm256_loadu_ps(first.add(HALF))] }
}

#[target_feature(enable = "avx2")]
#[inline]
fn load_integers(numbers: &[i32; LANES]) -> Lanes {
    let first = numbers.as_ptr();
    // SAFETY: that many are there, and any alignment will do.
    let halves =
        unsafe { [_mm256_loadu_si256(first.cast()), _mm256_loadu_si256(first.add(HALF).cast())] };
    [_mm256_cvtepi32_ps(halves[0]), _mm256_cvtepi32_ps(halves[1])]
}

#[target_feature(enable = "avx")]
#[inline]
fn store(lanes: Lanes, numbers: &mut [f32; LANES]) {
    let first = numbers.as_mut_ptr();
    // SAFETY: there is room for that many, and any alignment will do.
    unsafe {
        _mm256_storeu_ps(first, lanes[0]);
        _mm256_storeu_ps(first.add(HALF), lanes[1]);
    }
}

#[target_feature(enable = "avx2")]
#[inline]
fn store_bytes(lanes: Lanes, numbers: &mut [u8; LANES]) {
    let [near, far] = [_mm256_cvtps_epi32(lanes[0]), _mm256_cvtps_epi32(lanes[1])];
    // Quarters of each come in turns.
    let whole = _mm256_permute4x64_epi64(_mm256_packs_epi32(near, far), 0b11_01_10_00);
    let bytes = _mm_packus_epi16(_mm256_castsi256_si128(whole), _mm256_extracti128_si256(whole, 1));
    // SAFETY: there is room for that many, and any alignment will do.
    unsafe { _mm_storeu_si128(numbers.as_mut_ptr().cast(), bytes) };
}

#[target_feature(enable = "avx")]
#[inline]
fn sum(lanes: Lanes) -> f32 {
    let eight = _mm256_add_ps(lanes[0], lanes[1]);
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ps(two, _mm_shuffle_ps(two, two, 1)))
}

#[target_feature(enable = "avx")]
#[inline]
fn greatest(lanes: Lanes) -> f32 {
    let eight = _mm256_max_ps(lanes[0], lanes[1]);
    let four = _mm_max_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
    let two = _mm_max_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_max_ps(two, _mm_shuffle_ps(two, two, 1)))
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn power(exponents: __m256) -> __m256 {
    /// Where the exponent of a float begins, and what stands there for 0.
    const PLACE: i32 = 23;
    const NONE: i32 = 127;
    // Behind 2^127 comes infinity, which no caller tells from it.
    let exponents = _mm256_max_ps(exponents, _mm256_set1_ps(-126.0));
    let exponents = _mm256_min_ps(exponents, _mm256_set1_ps(127.0));
    let whole = _mm256_round_ps(exponents, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    let part = _mm256_sub_ps(exponents, whole);
    let mut power = _mm256_set1_ps(POWER_SERIES[0]);
    for term in &POWER_SERIES[1..] {
        power = _mm256_fmadd_ps(power, part, _mm256_set1_ps(*term));
    }
    let whole = _mm256_add_epi32(_mm256_cvtps_epi32(whole), _mm256_set1_epi32(NONE));
    _mm256_mul_ps(power, _mm256_castsi256_ps(_mm256_slli_epi32(whole, PLACE)))
}

#[target_feature(enable = "avx2,fma")]
#[inline]
fn gelu(x: __m256) -> __m256 {
    let square = _mm256_mul_ps(x, x);
    let [first, third] = GELU_FACTORS.map(|factor| _mm256_set1_ps(factor));
    let exponent = _mm256_mul_ps(x, _mm256_fmadd_ps(square, third, first));
    let one = _mm256_set1_ps(1.0);
    _mm256_div_ps(x, _mm256_add_ps(one, power(exponent)))
}
