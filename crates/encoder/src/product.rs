//! Products of rounded activations with weights.

use crate::file::Linear;
use crate::lanes::{LANES, Simd};
use crate::ranges::Range;
use crate::unit::{Block, COLUMNS, DEEP, LINE, Line, Panel, ROWS, Ready, TILE, Unit, Zeros};

/// Most channels that stay floats.
const MOST_APART: usize = 8;

/// Rounded activations, a row for each token.
#[derive(Debug)]
pub(crate) struct Rounded {
    depth: usize,
    /// Row by row; the rows are as many as blocks read, those too many hold nothing of use.
    values: Vec<u8>,
    /// What of each row stays floats.
    apart: Vec<[f32; MOST_APART]>,
    /// What of each row the products of bytes do not take.
    rests: Vec<Vec<Rest>>,
}

/// A number that is further from zero than the products of bytes take.
#[derive(Clone, Copy, Debug)]
struct Rest {
    channel: usize,
    /// By how much, in steps.
    by: i32,
}

impl Rounded {
    /// `rows` rows of `depth` numbers.
    pub(crate) fn new(rows: usize, depth: usize) -> Self {
        let read = rows.next_multiple_of(TILE);
        Self {
            depth,
            values: vec![0; read * depth],
            apart: vec![[0.0; MOST_APART]; rows],
            rests: vec![Vec::new(); rows],
        }
    }

    /// Puts `values`, a multiple of [`LANES`], in row `row` from column `first` on; those of a row
    /// from the first column on.
    #[inline(always)]
    pub(crate) fn put<S: Simd>(
        &mut self,
        simd: S,
        range: &Range,
        (row, first): (usize, usize),
        values: &[f32],
    ) {
        let (steps, zero) = (simd.all(1.0 / range.step()), simd.all(range.zero()));
        let start = row * self.depth + first;
        let places = self.values[start..start + values.len()].as_chunks_mut::<LANES>().0;
        for (places, values) in places.iter_mut().zip(values.as_chunks::<LANES>().0) {
            simd.store_bytes(simd.mul_add(simd.load(values), steps, zero), places);
        }
        for (place, &channel) in self.apart[row].iter_mut().zip(range.apart) {
            if let Some(&x) = channel.checked_sub(first).and_then(|at| values.get(at)) {
                *place = x;
                if S::STEPS < u8::MAX {
                    self.values[start + channel - first] = range.lowest(S::STEPS);
                }
            }
        }
        if S::STEPS < u8::MAX {
            self.split::<S>(range, (row, first), values.len());
        }
    }

    /// Counts `count` numbers of row `row`, from column `first` on, from the lowest on that the
    /// products take, and puts aside by how much others are beside them.
    #[inline(always)]
    fn split<S: Simd>(&mut self, range: &Range, (row, first): (usize, usize), count: usize) {
        let (lowest, rests) = (range.lowest(S::STEPS), &mut self.rests[row]);
        if first == 0 {
            rests.clear();
        }
        let start = row * self.depth + first;
        let numbers = self.values[start..start + count].as_chunks_mut::<LANES>().0;
        for (at, numbers) in numbers.iter_mut().enumerate() {
            let counted = numbers.map(|number| number.wrapping_sub(lowest));
            if counted.iter().fold(0, |all, number| all | number) <= S::STEPS {
                *numbers = counted;
                continue;
            }
            for (place, number) in numbers.iter_mut().enumerate() {
                let whole = i32::from(*number) - i32::from(lowest);
                *number = whole.clamp(0, i32::from(S::STEPS)) as u8;
                let by = whole - i32::from(*number);
                if by != 0 {
                    rests.push(Rest { channel: first + at * LANES + place, by });
                }
            }
        }
    }
}

/// Weights laid out for the processor.
#[derive(Debug)]
pub(crate) struct Product {
    range: &'static Range,
    depth: usize,
    /// For each [`COLUMNS`] columns `depth` / 2 lines.
    lines: Vec<Line>,
    /// For each of them what the unit asks of its weights.
    zeros: Vec<Zeros>,
    /// For each [`COLUMNS`] columns what their sums are multiplied with.
    scales: Vec<[f32; COLUMNS]>,
    /// And what is added: the bias, less what the zero of the activation adds.
    bias: Vec<[f32; COLUMNS]>,
    /// And a row for each channel that stays a float.
    apart: Vec<[f32; COLUMNS]>,
}

impl Product {
    /// The products of an activation of `range` with all of `parts`, side by side, each times its
    /// factor, for `unit`. Their columns must be whole panels and their rows whole lines,
    /// the same in all.
    pub(crate) fn new(unit: Unit, parts: &[(&Linear, f32)], range: &'static Range) -> Self {
        let depth = parts.first().map_or(0, |(part, _)| part.weights.rows);
        let mut product = Self {
            range,
            depth,
            lines: Vec::new(),
            zeros: Vec::new(),
            scales: Vec::new(),
            bias: Vec::new(),
            apart: Vec::new(),
        };
        for &(part, factor) in parts {
            assert!(part.weights.rows == depth && depth.is_multiple_of(LINE), "rows of a part");
            assert!(part.weights.columns.is_multiple_of(COLUMNS), "columns of a part");
            for first in (0..part.weights.columns).step_by(COLUMNS) {
                product.add(unit, part, factor, first);
            }
        }
        product
    }

    /// Adds the [`COLUMNS`] columns of `part` from `first` on.
    fn add(&mut self, unit: Unit, part: &Linear, factor: f32, first: usize) {
        let Linear { weights, bias } = part;
        let whole = |row: usize, column: usize| match self.range.apart.contains(&row) {
            true => 0,
            false => weights.values[row * weights.columns + first + column],
        };
        let (mut scales, mut offsets) = ([0.0; COLUMNS], [0.0; COLUMNS]);
        for column in 0..COLUMNS {
            let scale = weights.scales[first + column] * factor * self.range.step();
            let sum: i32 = (0..self.depth).map(|row| i32::from(whole(row, column))).sum();
            scales[column] = scale;
            offsets[column] =
                bias[first + column] * factor - sum as f32 * self.range.zero() * scale;
        }
        let before = self.lines.len();
        for left in (0..COLUMNS).step_by(TILE) {
            for top in (0..self.depth).step_by(DEEP) {
                let value = |place| whole(top + place % DEEP, left + place / DEEP);
                self.lines.push(Line(std::array::from_fn(value)));
            }
        }
        let lowest = self.range.lowest(unit.steps());
        // A whole number in the range of a byte.
        let zero = self.range.zero() as u8;
        self.zeros.push(unit.zeros(&self.lines[before..], lowest, zero));
        self.scales.push(scales);
        self.bias.push(offsets);
        for &channel in self.range.apart {
            self.apart.push(std::array::from_fn(|column| {
                let value = weights.values[channel * weights.columns + first + column];
                f32::from(value) * weights.scales[first + column] * factor
            }));
        }
    }

    /// Multiplies the rows of `left`, and gives `sink` the outcome in blocks: where its first row
    /// and its first column are, and its rows.
    #[inline(always)]
    pub(crate) fn multiply<S: Simd>(
        &self,
        (simd, ready): (S, &Ready),
        left: &Rounded,
        mut sink: impl FnMut(usize, usize, &mut [[f32; COLUMNS]]),
    ) {
        let mut sums = Block([[0; COLUMNS]; ROWS]);
        let mut floats = [[0.0; COLUMNS]; ROWS];
        let apart = self.range.apart.len();
        let panels = self.lines.chunks_exact(self.depth / 2).zip(&self.zeros);
        for (panel, (lines, zeros)) in panels.enumerate() {
            let right = Panel { lines, zeros };
            let scales = simd.load_two(&self.scales[panel]);
            let bias = simd.load_two(&self.bias[panel]);
            let weights = &self.apart[panel * apart..(panel + 1) * apart];
            let rows = left.apart.chunks(ROWS).zip(left.rests.chunks(ROWS));
            for (block, (kept, rests)) in rows.enumerate() {
                let values = &left.values[block * ROWS * self.depth..];
                ready.block(kept.len(), self.depth, values, right, &mut sums);
                for (sums, rests) in sums.0.iter_mut().zip(rests) {
                    for &Rest { channel, by } in rests {
                        ready.add((channel, by), right, sums);
                    }
                }
                for ((sums, kept), out) in sums.0.iter().zip(kept).zip(&mut floats) {
                    let (sums, _) = sums.as_chunks::<LANES>();
                    let mut near = simd.mul_add(simd.load_integers(&sums[0]), scales[0], bias[0]);
                    let mut far = simd.mul_add(simd.load_integers(&sums[1]), scales[1], bias[1]);
                    for (&x, weights) in kept.iter().zip(weights) {
                        let (x, weights) = (simd.all(x), simd.load_two(weights));
                        near = simd.mul_add(x, weights[0], near);
                        far = simd.mul_add(x, weights[1], far);
                    }
                    simd.store_two([near, far], out);
                }
                sink(block * ROWS, panel * COLUMNS, &mut floats[..kept.len()]);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file::Integers;

    /// Numbers that look random, from -1 to 1.
    fn numbers(count: usize, seed: u64) -> Vec<f32> {
        let mut state = seed;
        let next = |_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        (0..count).map(next).collect()
    }

    fn products<S: Simd>(
        product: &Product,
        (simd, ready): (S, &Ready),
        input: &[f32],
        rows: usize,
        columns: usize,
    ) -> Vec<f32> {
        let depth = input.len() / rows;
        let mut left = Rounded::new(rows, depth);
        for (row, values) in input.chunks_exact(depth).enumerate() {
            left.put(simd, product.range, (row, 0), &values[..64]);
            left.put(simd, product.range, (row, 64), &values[64..]);
        }
        let mut out = vec![0.0; rows * columns];
        product.multiply((simd, ready), &left, |row, column, block| {
            for (number, values) in block.iter().enumerate() {
                let at = (row + number) * columns + column;
                out[at..at + COLUMNS].copy_from_slice(values);
            }
        });
        out
    }

    #[test]
    fn every_unit_gives_the_same_and_what_floats_give() {
        static RANGE: Range = Range { low: -1.0, high: 1.0, apart: &[3, 70] };
        let (depth, columns) = (128, 64);
        let weights = Integers {
            values: numbers(depth * columns, 1).iter().map(|x| (x * 127.0) as i8).collect(),
            rows: depth,
            columns,
            scales: numbers(columns, 2).iter().map(|x| x.abs() + 0.01).collect(),
        };
        let linear = Linear { weights, bias: numbers(columns, 3) };
        for rows in [1, 2, 7, 16, 17, 31, 32, 33, 50, 64, 65] {
            let mut input = numbers(rows * depth, rows as u64);
            for row in input.chunks_exact_mut(depth) {
                row[3] *= 40.0;
            }
            let outcome = |unit: Unit| {
                let product = Product::new(unit, &[(&linear, 0.5)], &RANGE);
                match unit {
                    Unit::Tiles(simd) | Unit::Lanes(simd) => {
                        products(&product, (simd, &unit.ready()), &input, rows, columns)
                    }
                    Unit::Pairs(simd) => {
                        products(&product, (simd, &unit.ready()), &input, rows, columns)
                    }
                }
            };
            let outcomes: Vec<Vec<f32>> = Unit::all().map(outcome).collect();
            let Some((first, others)) = outcomes.split_first() else { return };
            assert!(others.iter().all(|other| other == first), "{rows} rows");
            for row in 0..rows {
                for column in 0..columns {
                    let exact: f32 = (0..depth)
                        .map(|at| {
                            let weight = f32::from(linear.weights.values[at * columns + column]);
                            input[row * depth + at] * weight * linear.weights.scales[column]
                        })
                        .sum::<f32>();
                    let exact = (exact + linear.bias[column]) * 0.5;
                    let have = first[row * columns + column];
                    let error = (have - exact).abs() / linear.weights.scales[column];
                    assert!(error < 10.0, "{have} for {exact} at {row}, {column}");
                }
            }
        }
    }
}
