//! Attention in floats.

use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_mul_ps, _mm512_set1_ps, _mm512_setzero_ps};

use super::{PARTS, WIDTH, share};
use crate::DIMENSIONS;
use crate::lanes::{Lanes, load_two, store_two};
use crate::unit::COLUMNS;

/// Queries that are computed at once.
const ROWS: usize = 4;
/// Keys that are computed at once.
const KEYS: usize = 32;

/// A token's query, key and value, those of all heads after one another.
type Token = [f32; PARTS * DIMENSIONS];

/// Queries, keys and values, and space for one window after the other.
#[derive(Debug)]
pub(crate) struct Floats {
    tokens: Vec<Token>,
    space: Space,
}

#[derive(Debug, Default)]
struct Space {
    /// The keys of a head, turned: a row for each of their numbers.
    keys: Vec<f32>,
    /// The values of a head, side by side: where they come from they are so far apart that they
    /// would share a few places of the cache.
    values: Vec<[f32; WIDTH]>,
    /// Of [`ROWS`] queries the dot product with each key.
    scores: [Vec<f32>; ROWS],
    /// And how much each takes from each token.
    shares: [Vec<f32>; ROWS],
}

impl Floats {
    pub(crate) fn new(tokens: usize) -> Self {
        Self { tokens: vec![[0.0; PARTS * DIMENSIONS]; tokens], space: Space::default() }
    }

    /// As [`Attention::put`](super::Attention::put).
    pub(crate) fn put(&mut self, row: usize, column: usize, block: &[[f32; COLUMNS]]) {
        for (token, values) in self.tokens[row..].iter_mut().zip(block) {
            token[column..column + COLUMNS].copy_from_slice(values);
        }
    }

    /// As [`Attention::attend`](super::Attention::attend).
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    pub(crate) fn attend(
        &mut self,
        (first, length): (usize, usize),
        sink: impl FnMut(usize, usize, &[f32; WIDTH]),
    ) {
        self.space.attend(&self.tokens[first..first + length], sink);
    }
}

impl Space {
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn attend(&mut self, tokens: &[Token], mut sink: impl FnMut(usize, usize, &[f32; WIDTH])) {
        let padded = tokens.len().next_multiple_of(KEYS);
        self.keys.clear();
        self.keys.resize(WIDTH * padded, 0.0);
        for numbers in self.scores.iter_mut().chain(&mut self.shares) {
            numbers.resize(padded, 0.0);
        }
        for first in (0..DIMENSIONS).step_by(WIDTH) {
            self.values.clear();
            self.values.extend(tokens.iter().map(|token| head(token, 2 * DIMENSIONS + first)));
            for (at, token) in tokens.iter().enumerate() {
                let key = &token[DIMENSIONS + first..DIMENSIONS + first + WIDTH];
                for (number, x) in key.iter().enumerate() {
                    self.keys[number * padded + at] = *x;
                }
            }
            for top in (0..tokens.len()).step_by(ROWS) {
                // The last queries stand in for those that are not there.
                let rows: [usize; ROWS] =
                    std::array::from_fn(|row| (top + row).min(tokens.len() - 1));
                self.weigh(rows.map(|row| head(&tokens[row], first)), padded);
                let mut factors = [0.0; ROWS];
                let rows = self.scores.iter_mut().zip(&mut self.shares);
                for (factor, (scores, shares)) in factors.iter_mut().zip(rows) {
                    scores[tokens.len()..].fill(f32::NEG_INFINITY);
                    let places = shares.as_chunks_mut::<KEYS>().0;
                    *factor = share(scores, |at, powers| store_two(powers, &mut places[at]));
                }
                let taken = self.take(factors);
                for (row, taken) in taken.iter().enumerate().take(tokens.len() - top) {
                    sink(top + row, first, taken);
                }
            }
        }
    }

    /// The dot products of the queries with all keys.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn weigh(&mut self, queries: [&[f32; WIDTH]; ROWS], padded: usize) {
        for first in (0..padded).step_by(KEYS) {
            let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
            for (number, keys) in self.keys.chunks_exact(padded).enumerate() {
                let keys = load_two(&keys[first..first + KEYS]);
                for (sums, query) in sums.iter_mut().zip(queries) {
                    *sums = add(*sums, query[number], keys);
                }
            }
            for (scores, sums) in self.scores.iter_mut().zip(sums) {
                store_two(sums, &mut scores[first..first + KEYS]);
            }
        }
    }

    /// The sums of the values, each times its share and the query's factor.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn take(&self, factors: [f32; ROWS]) -> [[f32; WIDTH]; ROWS] {
        let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
        let [a, b, c, d] = &self.shares;
        for ((((value, a), b), c), d) in self.values.iter().zip(a).zip(b).zip(c).zip(d) {
            let value = load_two(value);
            for (sums, share) in sums.iter_mut().zip([a, b, c, d]) {
                *sums = add(*sums, *share, value);
            }
        }
        let mut taken = [[0.0; WIDTH]; ROWS];
        for ((taken, [near, far]), factor) in taken.iter_mut().zip(sums).zip(factors) {
            let factor = _mm512_set1_ps(factor);
            store_two([_mm512_mul_ps(near, factor), _mm512_mul_ps(far, factor)], taken);
        }
        taken
    }
}

#[target_feature(enable = "avx512f")]
#[inline]
fn add(sums: [Lanes; 2], factor: f32, lanes: [Lanes; 2]) -> [Lanes; 2] {
    let factor = _mm512_set1_ps(factor);
    [_mm512_fmadd_ps(factor, lanes[0], sums[0]), _mm512_fmadd_ps(factor, lanes[1], sums[1])]
}

#[inline]
#[expect(clippy::expect_used, reason = "the slice was just cut to this length")]
fn head(token: &Token, first: usize) -> &[f32; WIDTH] {
    token[first..first + WIDTH].try_into().expect("a slice of this length")
}
