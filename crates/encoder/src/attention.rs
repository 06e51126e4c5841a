//! What each token of a window takes from the others.

use std::arch::x86_64::{_mm512_fmadd_ps, _mm512_set1_ps, _mm512_setzero_ps};

use rten_simd::SimdOp as _;
use rten_vecmath::Softmax;

use crate::DIMENSIONS;
use crate::lanes::{Lanes, load_two, store_two};

/// Heads of an attention, and the numbers of each.
const HEADS: usize = 12;
const WIDTH: usize = DIMENSIONS / HEADS;
/// Queries that are computed at once.
const ROWS: usize = 4;
/// Keys that are computed at once.
const KEYS: usize = 32;

/// What the dot product of a query and a key is multiplied with.
pub(crate) const SCALE: f32 = 0.176_776_7; // 1 / sqrt(32)

/// A token's query, key and value, those of all heads after one another.
pub(crate) type Token = [f32; 3 * DIMENSIONS];

/// Space for one window after the other.
#[derive(Debug, Default)]
pub(crate) struct Attention {
    /// The keys of a head, turned: a row for each of their numbers.
    keys: Vec<f32>,
    /// The values of a head, side by side: where they come from they are so far apart that they
    /// would share a few places of the cache.
    values: Vec<[f32; WIDTH]>,
    /// How much each of [`ROWS`] queries takes from each token.
    shares: [Vec<f32>; ROWS],
}

impl Attention {
    /// Gives `sink` for each token of the window what its head took: the token's number in the
    /// window, the place of the head's first number, and the numbers. Queries carry [`SCALE`].
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    pub(crate) fn attend(
        &mut self,
        tokens: &[Token],
        mut sink: impl FnMut(usize, usize, &[f32; WIDTH]),
    ) {
        let padded = tokens.len().next_multiple_of(KEYS);
        self.keys.clear();
        self.keys.resize(WIDTH * padded, 0.0);
        for shares in &mut self.shares {
            shares.clear();
            shares.resize(padded, 0.0);
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
                for shares in &mut self.shares {
                    Softmax::new_mut(&mut shares[..tokens.len()]).dispatch();
                }
                let taken = self.take();
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
            for (shares, sums) in self.shares.iter_mut().zip(sums) {
                store_two(sums, &mut shares[first..first + KEYS]);
            }
        }
    }

    /// The sums of the values, each times its share.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn take(&self) -> [[f32; WIDTH]; ROWS] {
        let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
        let [a, b, c, d] = &self.shares;
        for ((((value, a), b), c), d) in self.values.iter().zip(a).zip(b).zip(c).zip(d) {
            let value = load_two(value);
            for (sums, share) in sums.iter_mut().zip([a, b, c, d]) {
                *sums = add(*sums, *share, value);
            }
        }
        let mut taken = [[0.0; WIDTH]; ROWS];
        for (taken, sums) in taken.iter_mut().zip(sums) {
            store_two(sums, taken);
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
