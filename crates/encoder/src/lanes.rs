//! Sixteen floats at once.

use std::arch::x86_64::{
    __m512, _mm_storeu_si128, _mm512_add_ps, _mm512_cvtepi32_ps, _mm512_cvtps_epi32,
    _mm512_cvtusepi32_epi8, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_max_epi32,
    _mm512_max_ps, _mm512_mul_ps, _mm512_rcp14_ps, _mm512_roundscale_ps, _mm512_scalef_ps,
    _mm512_set1_ps, _mm512_setzero_si512, _mm512_storeu_ps, _mm512_sub_ps,
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

/// Two to the power of each, to 5 digits; what would be below 2^-126 is that.
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn power(exponents: Lanes) -> Lanes {
    /// Of the series of 2^x, from its fourth power down.
    const SERIES: [f32; 5] = [0.009_618_13, 0.055_504_11, 0.240_226_5, std::f32::consts::LN_2, 1.0];
    let exponents = _mm512_max_ps(exponents, _mm512_set1_ps(-126.0));
    let whole = _mm512_roundscale_ps(exponents, 0);
    let part = _mm512_sub_ps(exponents, whole);
    let mut power = _mm512_set1_ps(SERIES[0]);
    for term in &SERIES[1..] {
        power = _mm512_fmadd_ps(power, part, _mm512_set1_ps(*term));
    }
    _mm512_scalef_ps(power, whole)
}

/// The Gaussian error linear unit of each, by its approximation with a hyperbolic tangent
/// (Hendrycks and Gimpel 2016, section 2), which is off by 0.0005 at most.
#[target_feature(enable = "avx512f")]
#[inline]
pub(crate) fn gelu(x: Lanes) -> Lanes {
    /// With u = sqrt(2 / pi) (x + 0.044715 x^3), -2 u / ln 2 is x times the first of these and
    /// x^3 times the second.
    const FACTORS: [f32; 2] = [-2.302_208_2, -0.102_943_24];
    let square = _mm512_mul_ps(x, x);
    let [first, third] = FACTORS.map(|factor| _mm512_set1_ps(factor));
    let exponent = _mm512_mul_ps(x, _mm512_fmadd_ps(square, third, first));
    let one = _mm512_set1_ps(1.0);
    _mm512_mul_ps(x, _mm512_rcp14_ps(_mm512_add_ps(one, power(exponent))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unit::Unit;

    /// `function` of sixteen numbers from `low` on, a `step` apart.
    fn outcomes(
        function: unsafe fn(Lanes) -> Lanes,
        (low, step): (f32, f32),
    ) -> [(f32, f32); LANES] {
        let numbers: [f32; LANES] = std::array::from_fn(|at| low + at as f32 * step);
        let mut outcomes = [0.0; LANES];
        // SAFETY: the processor has the instructions of a unit.
        unsafe { store(function(load(&numbers)), &mut outcomes) };
        std::array::from_fn(|at| (numbers[at], outcomes[at]))
    }

    #[test]
    fn powers_of_two_are_right_to_four_digits() {
        if Unit::best().is_none() {
            return;
        }
        for (x, have) in
            [(-120.3, 7.9), (-3.1, 0.391)].into_iter().flat_map(|from| outcomes(power, from))
        {
            assert!((have / x.exp2() - 1.0).abs() < 1e-4, "{have} for 2^{x}");
        }
        for (_, have) in outcomes(power, (-1e30, 1e28)) {
            assert!((0.0..1e-37).contains(&have), "{have}");
        }
    }

    #[test]
    fn the_error_linear_unit_has_its_values() {
        if Unit::best().is_none() {
            return;
        }
        // By the error function, to six digits.
        for (x, exact) in [(-3.0, -0.00405), (-1.0, -0.158_655), (0.5, 0.345_731), (2.0, 1.954_5)] {
            let (_, have) = outcomes(gelu, (x, 0.0))[0];
            assert!((have - exact).abs() < 5e-4, "{have} for {exact}");
        }
        for (x, have) in outcomes(gelu, (-200.0, 25.0)) {
            assert!((have - x.max(0.0)).abs() < 0.02, "{have} at {x}");
        }
    }
}
