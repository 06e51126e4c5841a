//! What each token of a window takes from the others.

mod floats;
mod tiles;

use std::ops::Range;

use self::floats::Floats;
use self::tiles::Tiles;
use crate::DIMENSIONS;
use crate::lanes::Simd;
use crate::unit::{COLUMNS, Ready, Unit};

/// Heads of an attention, and the numbers of each.
const HEADS: usize = 12;
const WIDTH: usize = DIMENSIONS / HEADS;
/// Queries, keys and values.
const PARTS: usize = 3;
const _: () = assert!(WIDTH == COLUMNS, "a block of a product is a head");

/// What queries are multiplied with: the dot product of one with a key, divided by the root of
/// their length, is the logarithm to base 2 of a share.
pub(crate) const SCALE: f32 = std::f32::consts::LOG2_E * 0.176_776_7; // 1 / sqrt(32)

/// What the attention of a layer reads of some tokens: their queries, keys and values.
#[derive(Debug)]
pub(crate) enum Attention {
    /// In 16-bit floats.
    Tiles(Tiles),
    /// In floats.
    Floats(Floats),
}

/// Space for one window after the other.
#[derive(Debug, Default)]
pub(crate) struct Space {
    tiles: tiles::Space,
    floats: floats::Space,
}

impl Attention {
    /// Room for these of all tokens.
    pub(crate) fn new(unit: Unit, tokens: Range<usize>) -> Self {
        match unit {
            Unit::Tiles(wide) => Self::Tiles(Tiles::new(wide, tokens.len())),
            Unit::Lanes(_) | Unit::Pairs(_) => Self::Floats(Floats::new(tokens)),
        }
    }

    /// Puts in a part of one head from the token `row` on, where 0 is the first there is room
    /// for. Column 0 is where the queries begin, which carry [`SCALE`]; the keys follow them,
    /// then the values.
    #[inline(always)]
    pub(crate) fn put(&mut self, row: usize, column: usize, block: &[[f32; COLUMNS]]) {
        match self {
            // SAFETY: the unit is only where the processor has 16-bit floats.
            Self::Tiles(tiles) => unsafe { tiles.put(row, column, block) },
            Self::Floats(floats) => floats.put(row, column, block),
        }
    }

    fn floats(&self) -> Option<&Floats> {
        match self {
            Self::Tiles(_) => None,
            Self::Floats(floats) => Some(floats),
        }
    }
}

impl Space {
    /// Gives `sink` for each token of `window` that `own` has what each of its heads took from
    /// all of the window, which are in `all`: the token's number, from the first of `own` on, the
    /// place of the head's first number, and the numbers. Tiles have all tokens in one.
    #[inline(always)]
    pub(crate) fn attend<S: Simd>(
        &mut self,
        (simd, ready): (S, &Ready),
        (own, all): (&Attention, &[&Attention]),
        window: &Range<usize>,
        sink: impl FnMut(usize, usize, &[f32; WIDTH]),
    ) {
        match own {
            Attention::Tiles(tiles) => {
                let window = (window.start, window.len());
                // SAFETY: the unit is only where the processor has 16-bit floats.
                unsafe { tiles.attend(&mut self.tiles, ready, window, sink) }
            }
            Attention::Floats(own) => {
                let all = all.iter().filter_map(|some| some.floats());
                let tokens = all.flat_map(|some| some.among(window).1);
                self.floats.attend(simd, own.among(window), &tokens, sink);
            }
        }
    }
}

/// Gives `put` what a query takes from each token, by the scores, a row of [`WIDTH`] after
/// another: two to their power, less the largest of them. These are to be multiplied with what
/// is returned.
#[inline(always)]
fn share<S: Simd>(simd: S, scores: &[f32], mut put: impl FnMut(usize, [S::Lanes; 2])) -> f32 {
    let mut most = [simd.all(f32::NEG_INFINITY); 2];
    for scores in scores.chunks_exact(WIDTH) {
        let scores = simd.load_two(scores);
        most = [simd.max(most[0], scores[0]), simd.max(most[1], scores[1])];
    }
    let most = simd.all(simd.greatest(simd.max(most[0], most[1])));
    let mut sums = [simd.zero(); 2];
    for (at, scores) in scores.chunks_exact(WIDTH).enumerate() {
        let scores = simd.load_two(scores);
        let powers = scores.map(|scores| simd.power(simd.sub(scores, most)));
        sums = [simd.add(sums[0], powers[0]), simd.add(sums[1], powers[1])];
        put(at, powers);
    }
    1.0 / simd.sum(simd.add(sums[0], sums[1]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers that look random, from -1 to 1.
    fn number(seed: usize) -> f32 {
        let mixed = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    /// Of a token, in a column of queries, keys and values.
    fn input(token: usize, column: usize) -> f32 {
        let factor = if column < DIMENSIONS { 4.0 * SCALE } else { 1.0 };
        number(token * PARTS * DIMENSIONS + column) * factor
    }

    /// What a head of a token takes, in a plain way.
    fn exact(token: usize, head: usize, (first, length): (usize, usize)) -> [f32; WIDTH] {
        let dot = |other: usize| -> f32 {
            let columns = head * WIDTH..(head + 1) * WIDTH;
            columns.map(|at| input(token, at) * input(other, DIMENSIONS + at)).sum()
        };
        let shares: Vec<f32> = (first..first + length).map(|other| dot(other).exp2()).collect();
        let sum: f32 = shares.iter().sum();
        std::array::from_fn(|at| {
            let value = |other: usize| input(first + other, 2 * DIMENSIONS + head * WIDTH + at);
            shares.iter().enumerate().map(|(other, share)| share / sum * value(other)).sum()
        })
    }

    #[test]
    fn every_unit_takes_what_a_plain_way_takes() {
        let lengths = [1, 16, 65, 5, 33, 31];
        let tokens: usize = lengths.iter().sum();
        for unit in Unit::all() {
            match unit {
                Unit::Tiles(simd) => {
                    is_what_a_plain_way_takes((unit, simd), 0.02, &[0], &lengths, tokens);
                }
                Unit::Lanes(simd) => in_parts((unit, simd), &lengths, tokens),
                Unit::Pairs(simd) => in_parts((unit, simd), &lengths, tokens),
            }
        }
    }

    /// Where each part of the tokens begins; tiles have no parts.
    fn in_parts<S: Simd>(unit: (Unit, S), lengths: &[usize], tokens: usize) {
        for starts in [&[0][..], &[0, 40, 41, 90]] {
            is_what_a_plain_way_takes(unit, 1e-4, starts, lengths, tokens);
        }
    }

    fn is_what_a_plain_way_takes<S: Simd>(
        (unit, simd): (Unit, S),
        most: f32,
        starts: &[usize],
        lengths: &[usize],
        tokens: usize,
    ) {
        let ends = starts.iter().skip(1).copied().chain([tokens]);
        let parts: Vec<_> = starts.iter().zip(ends).map(|(&start, end)| start..end).collect();
        let mut all: Vec<_> = parts.iter().map(|part| Attention::new(unit, part.clone())).collect();
        let mut taken = vec![[0.0; DIMENSIONS]; tokens];
        for (part, some) in parts.iter().zip(&mut all) {
            for row in (0..part.len()).step_by(32) {
                for column in (0..PARTS * DIMENSIONS).step_by(COLUMNS) {
                    let block: Vec<[f32; COLUMNS]> = (row..part.len().min(row + 32))
                        .map(|token| part.start + token)
                        .map(|token| std::array::from_fn(|at| input(token, column + at)))
                        .collect();
                    some.put(row, column, &block);
                }
            }
        }
        let (ready, all) = (unit.ready(), all.iter().collect::<Vec<_>>());
        let mut space = Space::default();
        for (part, own) in parts.iter().zip(&all) {
            let mut first = 0;
            for &length in lengths {
                let window = first..first + length;
                space.attend((simd, &ready), (own, &all), &window, |row, column, numbers| {
                    let taken = &mut taken[part.start + row];
                    taken[column..column + WIDTH].copy_from_slice(numbers);
                });
                first += length;
            }
        }
        let mut first = 0;
        for &length in lengths {
            for (token, taken) in taken.iter().enumerate().skip(first).take(length) {
                for head in 0..HEADS {
                    let exact = exact(token, head, (first, length));
                    let have = &taken[head * WIDTH..(head + 1) * WIDTH];
                    for (have, exact) in have.iter().zip(exact) {
                        assert!((have - exact).abs() < most, "{unit:?}: {have} for {exact}");
                    }
                }
            }
            first += length;
        }
    }
}
