//! How sure a figure is: bootstrap intervals and a test of paired differences, both with a
//! seed, so that the same measurements give the same report.

/// A small generator of numbers that are random enough for drawing (SplitMix64, Steele et al.
/// 2014), and the same for a seed on every machine and in every version.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 when `end` is 0.
    pub fn below(&mut self, end: usize) -> usize {
        let wide = u128::from(self.draw()) * (end as u128);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// Puts `items` in a random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// Samples of the questions, drawn with replacement once and used for every figure, so that
/// figures of the same run can be compared.
#[derive(Clone, Debug)]
pub struct Draws {
    rows: Vec<Vec<usize>>,
}

impl Draws {
    /// `resamples` samples of `questions` questions.
    pub fn new(questions: usize, resamples: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let mut row =
            || -> Vec<usize> { (0..questions).map(|_| random.below(questions)).collect() };
        Self { rows: (0..resamples).map(|_| row()).collect() }
    }

    /// The interval that holds 95 % of a figure's values over the samples (the percentile
    /// method, Efron 1979). `None` when it has no value on any of them.
    pub fn interval(&self, figure: impl Fn(&[usize]) -> Option<f64>) -> Option<(f64, f64)> {
        let values: Vec<f64> = self.rows.iter().filter_map(|row| figure(row)).collect();
        let low = super::metrics::quantile(&values, 0.025)?;
        let high = super::metrics::quantile(&values, 0.975)?;
        Some((low, high))
    }
}

/// How probable a mean as far from 0 as that of `differences` is when the signs are chance: the
/// paired randomisation test, two-sided (Fisher 1935). 1 without differences.
pub fn randomisation_test(differences: &[f64], flips: u32, seed: u64) -> f64 {
    let moved: Vec<f64> = differences.iter().copied().filter(|value| *value != 0.0).collect();
    if moved.is_empty() {
        return 1.0;
    }
    let observed = moved.iter().sum::<f64>().abs();
    let mut random = Random::new(seed);
    let mut as_far = 1_u32;
    for _ in 0..flips {
        let (mut sum, mut bits) = (0.0, 0_u64);
        for (place, value) in moved.iter().enumerate() {
            if place % 64 == 0 {
                bits = random.draw();
            }
            sum += if bits & 1 == 0 { *value } else { -*value };
            bits >>= 1;
        }
        // What was rounded differently is as far.
        if sum.abs() >= observed - 1e-12 {
            as_far += 1;
        }
    }
    f64::from(as_far) / f64::from(flips + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[f64], rows: &[usize]) -> Option<f64> {
        Some(rows.iter().map(|row| values[*row]).sum::<f64>() / rows.len() as f64)
    }

    #[test]
    fn the_first_numbers_of_a_seed_are_those_of_splitmix() {
        // As the reference implementation gives them for the seed 0.
        let mut random = Random::new(0);
        assert_eq!(random.draw(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.draw(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| random.below(7) < 7));
        let mut items: Vec<usize> = (0..50).collect();
        random.shuffle(&mut items);
        assert_ne!(items, (0..50).collect::<Vec<_>>());
        items.sort_unstable();
        assert_eq!(items, (0..50).collect::<Vec<_>>());
    }

    #[test]
    fn an_interval_holds_the_mean_and_narrows_with_questions() {
        let values = |count: usize| -> Vec<f64> {
            (0..count).map(|at| if at % 2 == 0 { 0.0 } else { 1.0 }).collect()
        };
        let width = |count: usize| {
            let values = values(count);
            let draws = Draws::new(count, 1000, 1);
            let (low, high) = draws.interval(|rows| mean(&values, rows)).unwrap();
            assert!(low < 0.5 && high > 0.5, "{low} {high}");
            high - low
        };
        // A half of yes and no: ± 1.96 · 0.5 / √n.
        let (few, many) = (width(25), width(400));
        assert!((few - 0.392).abs() < 0.08 && (many - 0.098).abs() < 0.02, "{few} {many}");
        let same = Draws::new(10, 100, 7).interval(|rows| mean(&[0.3; 10], rows)).unwrap();
        assert!((same.0 - 0.3).abs() < 1e-9 && (same.1 - 0.3).abs() < 1e-9);
        assert_eq!(Draws::new(3, 10, 0).interval(|_| None), None);
    }

    #[test]
    fn the_same_seed_gives_the_same_interval() {
        let values: Vec<f64> = (0..30).map(f64::from).collect();
        let of = |seed| Draws::new(30, 200, seed).interval(|rows| mean(&values, rows));
        assert_eq!(of(3), of(3));
        assert_ne!(of(3), of(4));
    }

    #[test]
    fn a_difference_that_is_always_there_is_no_chance() {
        let always = randomisation_test(&[0.1; 20], 2000, 1);
        assert!(always < 0.01, "{always}");
        let balanced: Vec<f64> = (0..20).map(|at| if at % 2 == 0 { 0.1 } else { -0.1 }).collect();
        assert!(randomisation_test(&balanced, 2000, 1) > 0.9);
        assert_eq!(randomisation_test(&[0.0; 5], 100, 1), 1.0);
        // With two questions that moved alike, half of the sign choices are as far.
        let two = randomisation_test(&[0.5, 0.5], 4000, 1);
        assert!((two - 0.5).abs() < 0.05, "{two}");
    }
}
