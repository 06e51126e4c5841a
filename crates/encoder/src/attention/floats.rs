//! Attention in floats.

use std::ops::Range;

use super::{PARTS, WIDTH, share};
use crate::DIMENSIONS;
use crate::lanes::Simd;
use crate::unit::COLUMNS;

/// Queries that are computed at once at most.
const ROWS: usize = 8;
/// Keys that are computed at once.
const KEYS: usize = 32;

/// A token's query, key and value, those of all heads after one another.
pub(crate) type Token = [f32; PARTS * DIMENSIONS];

/// Queries, keys and values of some tokens.
#[derive(Debug)]
pub(crate) struct Floats {
    /// Which of all tokens the first is.
    first: usize,
    tokens: Vec<Token>,
}

/// Space for one window after the other.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// The keys of a head, turned, [`KEYS`] at a time: a row for each of their numbers.
    keys: Vec<[[f32; KEYS]; WIDTH]>,
    /// The values of a head, side by side: where they come from they are so far apart that they
    /// would share a few places of the cache.
    values: Vec<[f32; WIDTH]>,
    /// Of [`ROWS`] queries the dot product with each key.
    scores: [Vec<f32>; ROWS],
    /// And how much each takes from each token.
    shares: [Vec<f32>; ROWS],
}

impl Floats {
    pub(crate) fn new(tokens: Range<usize>) -> Self {
        Self { first: tokens.start, tokens: vec![[0.0; PARTS * DIMENSIONS]; tokens.len()] }
    }

    /// As [`Attention::put`](super::Attention::put).
    pub(crate) fn put(&mut self, row: usize, column: usize, block: &[[f32; COLUMNS]]) {
        for (token, values) in self.tokens[row..].iter_mut().zip(block) {
            token[column..column + COLUMNS].copy_from_slice(values);
        }
    }

    /// Those of its tokens that are among `tokens`, and the number of the first of them, from its
    /// own first on.
    pub(crate) fn among(&self, tokens: &Range<usize>) -> (usize, &[Token]) {
        let end = self.first + self.tokens.len();
        let from = tokens.start.clamp(self.first, end) - self.first;
        let to = tokens.end.clamp(self.first, end) - self.first;
        (from, self.tokens.get(from..to).unwrap_or_default())
    }
}

impl Space {
    /// Gives `sink` what each of `queries`, the first of which has the number `row`, takes from
    /// the tokens of a window: their number, the place of the head's first number, and the
    /// numbers.
    #[inline(always)]
    pub(crate) fn attend<'a, S: Simd>(
        &mut self,
        simd: S,
        (row, queries): (usize, &[Token]),
        window: &(impl Iterator<Item = &'a Token> + Clone),
        mut sink: impl FnMut(usize, usize, &[f32; WIDTH]),
    ) {
        let padded = window.clone().count().next_multiple_of(KEYS);
        self.keys.clear();
        self.keys.resize(padded / KEYS, [[0.0; KEYS]; WIDTH]);
        for numbers in self.scores.iter_mut().chain(&mut self.shares) {
            numbers.resize(padded, 0.0);
        }
        for first in (0..DIMENSIONS).step_by(WIDTH) {
            self.values.clear();
            self.values.extend(window.clone().map(|token| head(token, 2 * DIMENSIONS + first)));
            for (at, token) in window.clone().enumerate() {
                let keys = &mut self.keys[at / KEYS];
                for (keys, x) in keys.iter_mut().zip(head(token, DIMENSIONS + first)) {
                    keys[at % KEYS] = *x;
                }
            }
            for (at, queries) in queries.chunks(S::QUERIES).enumerate() {
                let row = row + at * S::QUERIES;
                match queries.len() {
                    1..=2 => self.some::<2, S>(simd, queries, (first, row), &mut sink),
                    3..=4 => self.some::<4, S>(simd, queries, (first, row), &mut sink),
                    5..=6 => self.some::<6, S>(simd, queries, (first, row), &mut sink),
                    _ => self.some::<ROWS, S>(simd, queries, (first, row), &mut sink),
                }
            }
        }
    }

    /// What the head from number `first` on takes for up to `N` tokens.
    #[inline(always)]
    fn some<const N: usize, S: Simd>(
        &mut self,
        simd: S,
        tokens: &[Token],
        (first, first_row): (usize, usize),
        sink: &mut impl FnMut(usize, usize, &[f32; WIDTH]),
    ) {
        // The last query stands in for those that are not there.
        let rows: [usize; N] = std::array::from_fn(|row| row.min(tokens.len() - 1));
        self.weigh(simd, rows.map(|row| head(&tokens[row], first)));
        let mut factors = [0.0; N];
        let rows = self.scores.iter_mut().zip(&mut self.shares);
        for (factor, (scores, shares)) in factors.iter_mut().zip(rows) {
            scores[self.values.len()..].fill(f32::NEG_INFINITY);
            let places = shares.as_chunks_mut::<KEYS>().0;
            *factor = share(simd, scores, |at, powers| simd.store_two(powers, &mut places[at]));
        }
        let taken = self.take(simd, factors);
        for (row, taken) in taken.iter().enumerate().take(tokens.len()) {
            sink(first_row + row, first, taken);
        }
    }

    /// The dot products of the queries with all keys.
    #[inline(always)]
    fn weigh<const N: usize, S: Simd>(&mut self, simd: S, queries: [&[f32; WIDTH]; N]) {
        for (at, keys) in self.keys.iter().enumerate() {
            let mut sums = [[simd.zero(); 2]; N];
            for (number, keys) in keys.iter().enumerate() {
                let keys = simd.load_two(keys);
                for (sums, query) in sums.iter_mut().zip(queries) {
                    *sums = add(simd, *sums, query[number], keys);
                }
            }
            for (scores, sums) in self.scores.iter_mut().zip(sums) {
                simd.store_two(sums, &mut scores[at * KEYS..]);
            }
        }
    }

    /// The sums of the values, each times its share and the query's factor.
    #[inline(always)]
    fn take<const N: usize, S: Simd>(&self, simd: S, factors: [f32; N]) -> [[f32; WIDTH]; N] {
        let mut sums = [[simd.zero(); 2]; N];
        let shares: [&[f32]; N] = std::array::from_fn(|row| &self.shares[row][..self.values.len()]);
        for (at, value) in self.values.iter().enumerate() {
            let value = simd.load_two(value);
            for (sums, shares) in sums.iter_mut().zip(shares) {
                *sums = add(simd, *sums, shares[at], value);
            }
        }
        let mut taken = [[0.0; WIDTH]; N];
        for ((taken, [near, far]), factor) in taken.iter_mut().zip(sums).zip(factors) {
            let factor = simd.all(factor);
            simd.store_two([simd.mul(near, factor), simd.mul(far, factor)], taken);
        }
        taken
    }
}

#[inline(always)]
fn add<S: Simd>(simd: S, sums: [S::Lanes; 2], factor: f32, lanes: [S::Lanes; 2]) -> [S::Lanes; 2] {
    let factor = simd.all(factor);
    [simd.mul_add(factor, lanes[0], sums[0]), simd.mul_add(factor, lanes[1], sums[1])]
}

#[inline]
#[expect(clippy::expect_used, reason = "the slice was just cut to this length")]
fn head(token: &Token, first: usize) -> &[f32; WIDTH] {
    token[first..first + WIDTH].try_into().expect("a slice of this length")
}
