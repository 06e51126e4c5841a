//! The model, from tokens to their vectors.

use std::arch::x86_64::{
    _mm512_add_ps, _mm512_fmadd_ps, _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_sub_ps,
};

use crate::attention::{Attention, SCALE};
use crate::file::{File, INNER, Integers, Norm};
use crate::lanes::{LANES, gelu, load, load_two, store, store_two};
use crate::product::{Product, Rounded};
use crate::ranges::{RANGES, Range};
use crate::unit::{Ready, Unit};
use crate::{DIMENSIONS, EncoderError, MAX_TOKENS};

/// What is added to a variance before it divides.
const EPSILON: f32 = 1e-12;

/// A token's vector between the layers.
type Vector = [f32; DIMENSIONS];

/// The model. Threads may share it.
#[derive(Debug)]
pub struct Encoder {
    unit: Unit,
    words: Integers,
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

#[derive(Debug)]
struct Layer {
    /// Queries, keys and values.
    attention: Product,
    attended: Product,
    attended_norm: Norm,
    inner: Product,
    outer: Product,
    outer_norm: Norm,
    ranges: &'static [Range; 4],
}

impl Encoder {
    /// The model of an ONNX file. Nothing where this processor has no instructions for it, or
    /// where `file` is another model.
    pub fn read(file: &[u8]) -> Option<Self> {
        let unit = Unit::best()?;
        let File { words, positions, norm, layers } = File::read(file)?;
        let layers = layers.into_iter().zip(&RANGES).map(|(layer, ranges)| Layer {
            attention: Product::new(
                &[(&layer.query, SCALE), (&layer.key, 1.0), (&layer.value, 1.0)],
                &ranges[0],
            ),
            attended: Product::new(&[(&layer.attended, 1.0)], &ranges[1]),
            attended_norm: layer.attended_norm,
            inner: Product::new(&[(&layer.inner, 1.0)], &ranges[2]),
            outer: Product::new(&[(&layer.outer, 1.0)], &ranges[3]),
            outer_norm: layer.outer_norm,
            ranges,
        });
        Some(Self { unit, words, positions, norm, layers: layers.collect() })
    }

    /// What the products are computed with.
    pub fn unit(&self) -> &'static str {
        match self.unit {
            Unit::Tiles => "AMX",
            Unit::Lanes => "AVX-512 VNNI",
        }
    }

    /// The vectors of all tokens of all windows, one after another, [`DIMENSIONS`] numbers each,
    /// in the calling thread.
    ///
    /// # Errors
    /// When a window is longer than [`MAX_TOKENS`], or a token is not the model's.
    pub fn encode(&self, windows: &[&[i32]]) -> Result<Vec<f32>, EncoderError> {
        if let Some(long) = windows.iter().find(|window| window.len() > MAX_TOKENS) {
            return Err(EncoderError::Length(long.len()));
        }
        // SAFETY: the processor has the instructions of a unit.
        unsafe { self.forward(windows) }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn forward(&self, windows: &[&[i32]]) -> Result<Vec<f32>, EncoderError> {
        let mut vectors = self.embedded(windows)?;
        let lengths: Vec<usize> = windows.iter().map(|window| window.len()).collect();
        let mut space = Space::new(self.unit, vectors.len());
        let ready = self.unit.ready();
        if let Some(first) = self.layers.first() {
            for (row, vector) in vectors.iter_mut().enumerate() {
                normalise(vector, &self.norm);
                space.narrow.put(&first.ranges[0], row, 0, vector);
            }
        }
        for (number, layer) in self.layers.iter().enumerate() {
            layer.attend(&ready, &mut vectors, &lengths, &mut space);
            let next = self.layers.get(number + 1).map(|layer| &layer.ranges[0]);
            layer.feed(&ready, &mut vectors, &mut space, next);
        }
        Ok(vectors.into_flattened())
    }

    /// What the first layer reads, before it is normalised.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn embedded(&self, windows: &[&[i32]]) -> Result<Vec<Vector>, EncoderError> {
        let mut vectors = Vec::with_capacity(windows.iter().map(|window| window.len()).sum());
        for window in windows {
            for (&token, position) in window.iter().zip(self.positions.chunks_exact(DIMENSIONS)) {
                let row = usize::try_from(token).ok().filter(|&row| row < self.words.rows);
                let row = row.ok_or(EncoderError::Token(token))?;
                let word = &self.words.values[row * DIMENSIONS..(row + 1) * DIMENSIONS];
                let scale = self.words.scales[row];
                let mut vector = [0.0; DIMENSIONS];
                for ((x, &word), position) in vector.iter_mut().zip(word).zip(position) {
                    *x = f32::from(word).mul_add(scale, *position);
                }
                vectors.push(vector);
            }
        }
        Ok(vectors)
    }
}

/// What lies between the products.
#[derive(Debug)]
struct Space {
    /// What is multiplied next, as wide as a vector, and as wide as a feed-forward network inside.
    narrow: Rounded,
    wide: Rounded,
    attention: Attention,
}

impl Space {
    fn new(unit: Unit, tokens: usize) -> Self {
        Self {
            narrow: Rounded::new(tokens, DIMENSIONS),
            wide: Rounded::new(tokens, INNER),
            attention: Attention::new(unit, tokens),
        }
    }
}

impl Layer {
    /// Adds to each token what it takes from the others of its window.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn attend(&self, ready: &Ready, vectors: &mut [Vector], lengths: &[usize], space: &mut Space) {
        let Space { narrow, attention, .. } = space;
        self.attention.multiply(ready, narrow, |row, column, block| {
            attention.put(row, column, block);
        });
        let mut first = 0;
        for &length in lengths {
            attention.attend(ready, (first, length), |row, column, taken| {
                narrow.put(&self.ranges[1], first + row, column, taken);
            });
            first += length;
        }
        self.attended
            .multiply(ready, narrow, |row, column, block| add(vectors, row, column, block));
        for (row, vector) in vectors.iter_mut().enumerate() {
            normalise(vector, &self.attended_norm);
            narrow.put(&self.ranges[2], row, 0, vector);
        }
    }

    /// Adds to each token what the feed-forward network gives, and rounds it for the layer that
    /// comes next, if one does.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn feed(&self, ready: &Ready, vectors: &mut [Vector], space: &mut Space, next: Option<&Range>) {
        let Space { narrow, wide, .. } = space;
        self.inner.multiply(ready, narrow, |row, column, block| {
            for (number, values) in block.iter_mut().enumerate() {
                let [near, far] = load_two(values);
                store_two([gelu(near), gelu(far)], values);
                wide.put(&self.ranges[3], row + number, column, values);
            }
        });
        self.outer.multiply(ready, wide, |row, column, block| add(vectors, row, column, block));
        for (row, vector) in vectors.iter_mut().enumerate() {
            normalise(vector, &self.outer_norm);
            if let Some(range) = next {
                narrow.put(range, row, 0, vector);
            }
        }
    }
}

/// Adds a block to the vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn add<const N: usize>(vectors: &mut [Vector], row: usize, column: usize, block: &[[f32; N]]) {
    for (vector, values) in vectors[row..].iter_mut().zip(block) {
        let sums = vector[column..column + N].as_chunks_mut::<LANES>().0;
        for (sums, values) in sums.iter_mut().zip(values.as_chunks::<LANES>().0) {
            store(_mm512_add_ps(load(sums), load(values)), sums);
        }
    }
}

/// Brings a vector to mean 0 and variance 1, then to the norm's scale and offset.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
fn normalise(vector: &mut Vector, norm: &Norm) {
    let (vector, _) = vector.as_chunks_mut::<LANES>();
    let mut sum = _mm512_setzero_ps();
    for x in vector.iter() {
        sum = _mm512_add_ps(sum, load(x));
    }
    let mean = _mm512_set1_ps(_mm512_reduce_add_ps(sum) / DIMENSIONS as f32);
    let mut squares = _mm512_setzero_ps();
    for x in vector.iter() {
        let off = _mm512_sub_ps(load(x), mean);
        squares = _mm512_fmadd_ps(off, off, squares);
    }
    let variance = _mm512_reduce_add_ps(squares) / DIMENSIONS as f32;
    let scale = _mm512_set1_ps(1.0 / (variance + EPSILON).sqrt());
    let (weights, biases) = (norm.weight.as_chunks::<LANES>().0, norm.bias.as_chunks::<LANES>().0);
    for ((x, weight), bias) in vector.iter_mut().zip(weights).zip(biases) {
        let off = _mm512_mul_ps(_mm512_sub_ps(load(x), mean), scale);
        store(_mm512_fmadd_ps(off, load(weight), load(bias)), x);
    }
}
