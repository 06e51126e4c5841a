//! Sixteen floats at once.

mod narrow;
pub(crate) mod wide;

pub(crate) use narrow::Narrow;
pub(crate) use wide::Wide;

/// How many there are.
pub(crate) const LANES: usize = 16;

/// Of the series of 2^x, from its fourth power down.
const POWER_SERIES: [f32; 5] =
    [0.009_618_13, 0.055_504_11, 0.240_226_5, std::f32::consts::LN_2, 1.0];

/// With u = sqrt(2 / pi) (x + 0.044715 x^3), -2 u / ln 2 is x times the first of these and
/// x^3 times the second.
const GELU_FACTORS: [f32; 2] = [-2.302_208_2, -0.102_943_24];

/// A processor with instructions for sixteen floats at once: a value of it is only where they are.
/// What is generic over it is inlined into a function for which the compiler may use them.
pub(crate) trait Simd: Copy {
    /// Numbers as the processor adds and multiplies them.
    type Lanes: Copy;
    /// Queries of an attention that are computed at once, up to 8: as many as leave registers for
    /// their sums.
    const QUERIES: usize;
    /// The highest number that the products of bytes take.
    const STEPS: u8;

    /// Zeros.
    fn zero(self) -> Self::Lanes;
    /// The same number in all.
    fn all(self, x: f32) -> Self::Lanes;
    /// Of `numbers`.
    fn load(self, numbers: &[f32; LANES]) -> Self::Lanes;
    /// Of whole numbers.
    fn load_integers(self, numbers: &[i32; LANES]) -> Self::Lanes;
    /// Puts them into `numbers`.
    fn store(self, lanes: Self::Lanes, numbers: &mut [f32; LANES]);
    /// Puts the nearest whole numbers from 0 to 255 there; the even one of two.
    fn store_bytes(self, lanes: Self::Lanes, numbers: &mut [u8; LANES]);
    /// a + b
    fn add(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// a - b
    fn sub(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// a b
    fn mul(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// The greater one of each two.
    fn max(self, a: Self::Lanes, b: Self::Lanes) -> Self::Lanes;
    /// a b + c
    fn mul_add(self, a: Self::Lanes, b: Self::Lanes, c: Self::Lanes) -> Self::Lanes;
    /// The sum of all.
    fn sum(self, lanes: Self::Lanes) -> f32;
    /// The greatest of all.
    fn greatest(self, lanes: Self::Lanes) -> f32;
    /// Two to the power of each, to 5 digits; what would be below 2^-126 is that.
    fn power(self, exponents: Self::Lanes) -> Self::Lanes;
    /// The Gaussian error linear unit of each, by its approximation with a hyperbolic tangent
    /// (Hendrycks and Gimpel 2016, section 2), which is off by 0.0005 at most.
    fn gelu(self, x: Self::Lanes) -> Self::Lanes;

    /// The first two of `numbers`.
    #[inline(always)]
    fn load_two(self, numbers: &[f32]) -> [Self::Lanes; 2] {
        let (numbers, _) = numbers.as_chunks::<LANES>();
        [self.load(&numbers[0]), self.load(&numbers[1])]
    }

    /// Puts both at the beginning of `numbers`.
    #[inline(always)]
    fn store_two(self, lanes: [Self::Lanes; 2], numbers: &mut [f32]) {
        let (numbers, _) = numbers.as_chunks_mut::<LANES>();
        self.store(lanes[0], &mut numbers[0]);
        self.store(lanes[1], &mut numbers[1]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `function` of sixteen numbers from `low` on, a `step` apart.
    fn outcomes<S: Simd>(
        simd: S,
        function: impl Fn(S, S::Lanes) -> S::Lanes,
        (low, step): (f32, f32),
    ) -> [(f32, f32); LANES] {
        let numbers: [f32; LANES] = std::array::from_fn(|at| low + at as f32 * step);
        let mut outcomes = [0.0; LANES];
        simd.store(function(simd, simd.load(&numbers)), &mut outcomes);
        std::array::from_fn(|at| (numbers[at], outcomes[at]))
    }

    fn powers_of_two_are_right_to_four_digits(simd: impl Simd) {
        for (x, have) in [(-120.3, 7.9), (-3.1, 0.391)]
            .into_iter()
            .flat_map(|from| outcomes(simd, |simd, x| simd.power(x), from))
        {
            assert!((have / x.exp2() - 1.0).abs() < 1e-4, "{have} for 2^{x}");
        }
        for (_, have) in outcomes(simd, |simd, x| simd.power(x), (-1e30, 1e28)) {
            assert!((0.0..1e-37).contains(&have), "{have}");
        }
    }

    fn the_error_linear_unit_has_its_values(simd: impl Simd) {
        // By the error function, to six digits.
        for (x, exact) in [(-3.0, -0.00405), (-1.0, -0.158_655), (0.5, 0.345_731), (2.0, 1.954_5)] {
            let (_, have) = outcomes(simd, |simd, x| simd.gelu(x), (x, 0.0))[0];
            assert!((have - exact).abs() < 5e-4, "{have} for {exact}");
        }
        for (x, have) in outcomes(simd, |simd, x| simd.gelu(x), (-200.0, 25.0)) {
            assert!((have - x.max(0.0)).abs() < 0.02, "{have} at {x}");
        }
    }

    fn sums_and_bytes_are_those_of_plain_numbers(simd: impl Simd) {
        let numbers: [f32; LANES] = std::array::from_fn(|at| at as f32 * 20.0 - 30.5);
        let lanes = simd.load(&numbers);
        assert_eq!(simd.sum(lanes), numbers.iter().sum::<f32>());
        assert_eq!(simd.greatest(lanes), 269.5);
        assert_eq!(simd.greatest(simd.sub(simd.zero(), lanes)), 30.5);
        let mut bytes = [1; LANES];
        simd.store_bytes(lanes, &mut bytes);
        let exact = numbers.map(|x| x.round_ties_even().clamp(0.0, 255.0) as u8);
        assert_eq!(bytes, exact);
        let whole: [i32; LANES] = std::array::from_fn(|at| at as i32 * 70_000 - 500_000);
        let mut floats = [0.0; LANES];
        simd.store(simd.load_integers(&whole), &mut floats);
        assert_eq!(floats, whole.map(|x| x as f32));
    }

    #[test]
    fn each_processor_computes_what_is_meant() {
        if let Some(wide) = Wide::find() {
            powers_of_two_are_right_to_four_digits(wide);
            the_error_linear_unit_has_its_values(wide);
            sums_and_bytes_are_those_of_plain_numbers(wide);
        }
        if let Some(narrow) = Narrow::find() {
            powers_of_two_are_right_to_four_digits(narrow);
            the_error_linear_unit_has_its_values(narrow);
            sums_and_bytes_are_those_of_plain_numbers(narrow);
        }
    }
}
