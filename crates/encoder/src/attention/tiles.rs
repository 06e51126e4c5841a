//! Attention in 16-bit floats, on AMX.

use std::arch::x86_64::{_mm512_mul_ps, _mm512_set1_ps};

use super::{HEADS, PARTS, share};
use crate::halves::{Half, Sums, WIDTH, turn, weave};
use crate::lanes::Wide;
use crate::lanes::wide::{load_two, store_two};
use crate::unit::{COLUMNS, Ready, TILE};

/// Tokens that keys and values are laid out for: two tiles of keys, one of values.
const STEP: usize = 2 * TILE;

/// Queries, keys and values.
#[derive(Debug)]
pub(crate) struct Tiles {
    wide: Wide,
    /// A line for each token, of each head of each part. Behind the last token are as many that
    /// hold zeros as are read.
    lines: Vec<Half>,
    /// Lines of one head.
    rows: usize,
}

/// Space for one window after the other.
#[derive(Debug, Default)]
pub(crate) struct Space {
    /// The keys of a head, turned.
    keys: Vec<Half>,
    /// Its values, woven.
    values: Vec<Half>,
    /// Of [`TILE`] queries the dot product with each key.
    scores: Vec<f32>,
    /// And how much each takes from each token.
    shares: Vec<Half>,
}

impl Tiles {
    pub(crate) fn new(wide: Wide, tokens: usize) -> Self {
        let rows = tokens + STEP;
        Self { wide, lines: vec![Half::ZERO; PARTS * HEADS * rows], rows }
    }

    /// As [`Attention::put`](super::Attention::put).
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    pub(crate) fn put(&mut self, row: usize, column: usize, block: &[[f32; COLUMNS]]) {
        let first = column / WIDTH * self.rows + row;
        for (line, values) in self.lines[first..].iter_mut().zip(block) {
            *line = Half::of(load_two(values));
        }
    }

    /// As [`Attention::attend`](super::Attention::attend).
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma")]
    pub(crate) fn attend(
        &self,
        space: &mut Space,
        ready: &Ready,
        (first, length): (usize, usize),
        mut sink: impl FnMut(usize, usize, &[f32; WIDTH]),
    ) {
        let padded = length.next_multiple_of(STEP);
        space.keys.resize(padded, Half::ZERO);
        space.values.resize(padded, Half::ZERO);
        space.scores.resize(TILE * padded, 0.0);
        space.shares.resize(TILE * padded / WIDTH, Half::ZERO);
        let mut sums = Sums([[0.0; COLUMNS]; TILE]);
        for head in 0..HEADS {
            self.lay_out(space, head, (first, padded));
            let queries = &self.lines[head * self.rows + first..];
            for (top, queries) in queries[..padded].as_chunks::<TILE>().0.iter().enumerate() {
                let top = top * TILE;
                let Some(left) = length.checked_sub(top).filter(|&left| left > 0) else { break };
                ready.dots(queries, &space.keys, &mut space.scores);
                let mut factors = [0.0; TILE];
                let scores = space.scores.chunks_exact_mut(padded);
                let shares = space.shares.chunks_exact_mut(padded / WIDTH);
                for ((factor, scores), shares) in
                    factors.iter_mut().zip(scores).zip(shares).take(left)
                {
                    scores[length..].fill(f32::NEG_INFINITY);
                    *factor = share(self.wide, scores, |at, powers| shares[at] = Half::of(powers));
                }
                ready.sums(padded / WIDTH, &space.shares, &space.values, &mut sums);
                for (row, (taken, factor)) in sums.0.iter_mut().zip(factors).enumerate().take(left)
                {
                    let (factor, [near, far]) = (_mm512_set1_ps(factor), load_two(taken));
                    store_two([_mm512_mul_ps(near, factor), _mm512_mul_ps(far, factor)], taken);
                    sink(first + top + row, head * WIDTH, taken);
                }
            }
        }
    }

    /// Turns the keys and weaves the values of a head, for `padded` tokens from `first` on.
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    fn lay_out(&self, space: &mut Space, head: usize, (first, padded): (usize, usize)) {
        let part = |part: usize| &self.lines[(part * HEADS + head) * self.rows + first..][..padded];
        let (keys, values) = (part(1).as_chunks::<TILE>().0, part(2).as_chunks::<STEP>().0);
        for (keys, tile) in keys.iter().zip(space.keys.as_chunks_mut::<TILE>().0) {
            turn(keys, tile);
        }
        for (values, tiles) in values.iter().zip(space.values.as_chunks_mut::<STEP>().0) {
            for (at, [upper, lower]) in values.as_chunks::<2>().0.iter().enumerate() {
                [tiles[at], tiles[TILE + at]] = weave(upper, lower);
            }
        }
    }
}
