//! The model, from tokens to their vectors.

use std::ops::Range as Rows;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::attention::{self, Attention, SCALE};
use crate::file::{File, INNER, Integers, Norm};
use crate::lanes::{LANES, Narrow, Simd, Wide};
use crate::product::{Product, Rounded};
use crate::ranges::{RANGES, Range};
use crate::team::Stages;
use crate::unit::{Ready, Unit};
use crate::{DIMENSIONS, EncoderError, MAX_TOKENS};

/// What is added to a variance before it divides.
const EPSILON: f32 = 1e-12;

/// Tokens that are worth waiting for another thread.
const TOKENS_A_PART: usize = 8;
/// Most threads for a run: they wait for each other before each layer.
const MOST_THREADS: usize = 4;

/// Threads that a long window is shared with; started for the first one. Without them the calling
/// thread does all.
static HELPERS: LazyLock<Option<ThreadPool>> = LazyLock::new(|| {
    // Who waits for the thread learns of its panic.
    let pool = ThreadPoolBuilder::new().panic_handler(drop);
    pool.thread_name(|number| format!("encode-{number}")).build().ok()
});

/// A token's vector between the layers.
type Vector = [f32; DIMENSIONS];

/// The model. Threads may share it.
#[derive(Debug)]
pub struct Encoder(Arc<Model>);

#[derive(Debug)]
struct Model {
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
        Some(Self::of(Unit::best()?, File::read(file)?))
    }

    /// The model of a file for `unit`.
    fn of(unit: Unit, file: File) -> Self {
        let File { words, positions, norm, layers } = file;
        let layers = layers.into_iter().zip(&RANGES).map(|(layer, ranges)| Layer {
            attention: Product::new(
                unit,
                &[(&layer.query, SCALE), (&layer.key, 1.0), (&layer.value, 1.0)],
                &ranges[0],
            ),
            attended: Product::new(unit, &[(&layer.attended, 1.0)], &ranges[1]),
            attended_norm: layer.attended_norm,
            inner: Product::new(unit, &[(&layer.inner, 1.0)], &ranges[2]),
            outer: Product::new(unit, &[(&layer.outer, 1.0)], &ranges[3]),
            outer_norm: layer.outer_norm,
            ranges,
        });
        Self(Arc::new(Model { unit, words, positions, norm, layers: layers.collect() }))
    }

    /// What the products are computed with.
    pub fn unit(&self) -> &'static str {
        self.0.unit.name()
    }

    /// The vectors of all tokens of all windows, one after another, [`DIMENSIONS`] numbers each,
    /// by up to `threads` threads, the calling one among them. Others are started where there are
    /// tokens enough for each; on AMX the calling one does all. How many there are changes no
    /// vector.
    ///
    /// # Errors
    /// When a window is longer than [`MAX_TOKENS`], or a token is not the model's.
    pub fn encode(&self, windows: &[&[i32]], threads: usize) -> Result<Vec<f32>, EncoderError> {
        if let Some(long) = windows.iter().find(|window| window.len() > MAX_TOKENS) {
            return Err(EncoderError::Length(long.len()));
        }
        let vectors = self.0.embedded(windows)?;
        let most = if self.0.unit.is_alone() { 1 } else { vectors.len() / TOKENS_A_PART };
        // Not before they are needed: they have the priority of the thread that starts them.
        let helpers = if threads.min(most) > 1 { HELPERS.as_ref() } else { None };
        let parts = if helpers.is_some() { most.min(threads).min(MOST_THREADS) } else { 1 };
        let run = Arc::new(Run::new(Arc::clone(&self.0), windows, vectors, parts));
        if let Some(helpers) = helpers {
            for _ in 1..parts {
                let run = Arc::clone(&run);
                helpers.spawn(move || run.work());
            }
        }
        run.work();
        Ok(run.vectors())
    }
}

impl Model {
    /// What the first layer reads, before it is normalised.
    fn embedded(&self, windows: &[&[i32]]) -> Result<Vec<Vector>, EncoderError> {
        match self.unit {
            // SAFETY: there is a `Wide` only where the processor has the instructions.
            Unit::Tiles(_) | Unit::Lanes(_) => unsafe { self.wide_embedded(windows) },
            // SAFETY: it is the same with a `Narrow`.
            Unit::Pairs(_) => unsafe { self.narrow_embedded(windows) },
        }
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn wide_embedded(&self, windows: &[&[i32]]) -> Result<Vec<Vector>, EncoderError> {
        self.sums(windows)
    }

    #[target_feature(enable = "avx2,fma")]
    fn narrow_embedded(&self, windows: &[&[i32]]) -> Result<Vec<Vector>, EncoderError> {
        self.sums(windows)
    }

    /// The sum of each token's vector and its position's.
    #[inline(always)]
    fn sums(&self, windows: &[&[i32]]) -> Result<Vec<Vector>, EncoderError> {
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

/// One run of the model over some windows, in parts of about the same number of tokens. It is no
/// thread's: whoever comes when all is done finds nothing to do, and nobody waits for it.
#[derive(Debug)]
struct Run {
    model: Arc<Model>,
    /// Which of all tokens each window has.
    windows: Vec<Rows<usize>>,
    parts: Vec<Mutex<Part>>,
    /// What the parts put in for the attention of a layer, and, where others may still read that,
    /// for the attention of the next one.
    asked: Vec<Vec<RwLock<Attention>>>,
    stages: Stages,
}

/// Some of the tokens, and what lies between the products.
#[derive(Debug)]
struct Part {
    vectors: Vec<Vector>,
    /// What each token takes from the others.
    taken: Vec<Vector>,
    /// What is multiplied next, as wide as a vector, and as wide as a feed-forward network inside.
    narrow: Rounded,
    wide: Rounded,
    space: attention::Space,
}

impl Run {
    fn new(model: Arc<Model>, windows: &[&[i32]], mut vectors: Vec<Vector>, parts: usize) -> Self {
        let mut next = 0;
        let rows = |window: &&[i32]| {
            next += window.len();
            next - window.len()..next
        };
        let windows = windows.iter().map(rows).collect();
        let tokens = vectors.len();
        let rows: Vec<_> =
            (0..parts).map(|at| tokens * at / parts..tokens * (at + 1) / parts).collect();
        let room = |rows: &Rows<usize>| RwLock::new(Attention::new(model.unit, rows.clone()));
        let asked = (0..parts.min(2)).map(|_| rows.iter().map(room).collect()).collect();
        // What is split off is the last part; the first one stays in its place.
        let mut parts: Vec<_> = rows
            .iter()
            .skip(1)
            .rev()
            .map(|rows| Part::new(vectors.split_off(rows.start)))
            .collect();
        parts.push(Part::new(vectors));
        let parts: Vec<_> = parts.into_iter().rev().map(Mutex::new).collect();
        let stages = Stages::new(model.layers.len() + 1, parts.len());
        Self { model, windows, parts, asked, stages }
    }

    /// Does what no other thread does; returns when all is done.
    ///
    /// # Panics
    /// When a thread did.
    fn work(&self) {
        let unit = self.model.unit;
        let ready = unit.ready();
        self.stages.work(|stage, part| match unit {
            // SAFETY: there is a `Wide` only where the processor has the instructions.
            Unit::Tiles(wide) | Unit::Lanes(wide) => unsafe {
                self.wide_step((wide, &ready), stage, part);
            },
            // SAFETY: it is the same with a `Narrow`.
            Unit::Pairs(narrow) => unsafe { self.narrow_step((narrow, &ready), stage, part) },
        });
    }

    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn wide_step(&self, unit: (Wide, &Ready), stage: usize, part: usize) {
        self.step(unit, stage, part);
    }

    #[target_feature(enable = "avx2,fma")]
    fn narrow_step(&self, unit: (Narrow, &Ready), stage: usize, part: usize) {
        self.step(unit, stage, part);
    }

    /// What a part does between what the attention of a layer reads of all parts and what the
    /// attention of the next one does.
    #[inline(always)]
    fn step<S: Simd>(&self, unit: (S, &Ready), stage: usize, number: usize) {
        let Model { layers, norm, .. } = &*self.model;
        let Some(part) = self.parts.get(number) else { return };
        let (mut part, next) = (hold(part), layers.get(stage));
        match stage.checked_sub(1).and_then(|before| layers.get(before)) {
            Some(layer) => {
                let asked = &self.asked[(stage - 1) % self.asked.len()];
                let asked: Vec<_> = asked
                    .iter()
                    .map(|some| some.read().unwrap_or_else(PoisonError::into_inner))
                    .collect();
                let all: Vec<&Attention> = asked.iter().map(|some| &**some).collect();
                layer.attend(unit, &mut part, (number, &all), &self.windows);
                layer.feed(unit, &mut part, next.map(|next| &next.ranges[0]));
            }
            None => part.begin(unit.0, norm, next.map(|next| &next.ranges[0])),
        }
        if let Some(layer) = next {
            let asked = &self.asked[stage % self.asked.len()][number];
            let mut asked = asked.write().unwrap_or_else(PoisonError::into_inner);
            layer.attention.multiply(unit, &part.narrow, |row, column, block| {
                asked.put(row, column, block);
            });
        }
    }

    /// The vectors, once all is done.
    fn vectors(&self) -> Vec<f32> {
        let vectors = |part| std::mem::take(&mut hold(part).vectors).into_flattened();
        let mut parts = self.parts.iter().map(vectors);
        let mut all = parts.next().unwrap_or_default();
        parts.for_each(|vectors| all.extend(vectors));
        all
    }
}

fn hold(part: &Mutex<Part>) -> MutexGuard<'_, Part> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Part {
    fn new(vectors: Vec<Vector>) -> Self {
        Self {
            taken: vec![[0.0; DIMENSIONS]; vectors.len()],
            narrow: Rounded::new(vectors.len(), DIMENSIONS),
            wide: Rounded::new(vectors.len(), INNER),
            space: attention::Space::default(),
            vectors,
        }
    }

    /// Normalises what the first layer reads, and rounds it.
    #[inline(always)]
    fn begin<S: Simd>(&mut self, simd: S, norm: &Norm, next: Option<&Range>) {
        for (row, vector) in self.vectors.iter_mut().enumerate() {
            normalise(simd, vector, norm);
            if let Some(range) = next {
                self.narrow.put(simd, range, (row, 0), vector);
            }
        }
    }
}

impl Layer {
    /// Adds to each token of a part what it takes from the others of its window.
    #[inline(always)]
    fn attend<S: Simd>(
        &self,
        unit: (S, &Ready),
        part: &mut Part,
        (number, all): (usize, &[&Attention]),
        windows: &[Rows<usize>],
    ) {
        let Part { vectors, taken, narrow, space, .. } = part;
        for window in windows {
            space.attend(unit, (all[number], all), window, |row, column, numbers| {
                taken[row][column..column + numbers.len()].copy_from_slice(numbers);
            });
        }
        for (row, taken) in taken.iter().enumerate() {
            narrow.put(unit.0, &self.ranges[1], (row, 0), taken);
        }
        self.attended.multiply(unit, narrow, |row, column, block| {
            add(unit.0, vectors, (row, column), block);
        });
        for (row, vector) in vectors.iter_mut().enumerate() {
            normalise(unit.0, vector, &self.attended_norm);
            narrow.put(unit.0, &self.ranges[2], (row, 0), vector);
        }
    }

    /// Adds to each token what the feed-forward network gives, and rounds it for the layer that
    /// comes next, if one does.
    #[inline(always)]
    fn feed<S: Simd>(&self, unit: (S, &Ready), part: &mut Part, next: Option<&Range>) {
        let simd = unit.0;
        let Part { vectors, narrow, wide, .. } = part;
        self.inner.multiply(unit, narrow, |row, column, block| {
            for (number, values) in block.iter_mut().enumerate() {
                let [near, far] = simd.load_two(values);
                simd.store_two([simd.gelu(near), simd.gelu(far)], values);
                wide.put(simd, &self.ranges[3], (row + number, column), values);
            }
        });
        self.outer
            .multiply(unit, wide, |row, column, block| add(simd, vectors, (row, column), block));
        for (row, vector) in vectors.iter_mut().enumerate() {
            normalise(simd, vector, &self.outer_norm);
            if let Some(range) = next {
                narrow.put(simd, range, (row, 0), vector);
            }
        }
    }
}

/// Adds a block to the vectors.
#[inline(always)]
fn add<const N: usize>(
    simd: impl Simd,
    vectors: &mut [Vector],
    (row, column): (usize, usize),
    block: &[[f32; N]],
) {
    for (vector, values) in vectors[row..].iter_mut().zip(block) {
        let sums = vector[column..column + N].as_chunks_mut::<LANES>().0;
        for (sums, values) in sums.iter_mut().zip(values.as_chunks::<LANES>().0) {
            simd.store(simd.add(simd.load(sums), simd.load(values)), sums);
        }
    }
}

/// Brings a vector to mean 0 and variance 1, then to the norm's scale and offset.
#[inline(always)]
fn normalise(simd: impl Simd, vector: &mut Vector, norm: &Norm) {
    let (vector, _) = vector.as_chunks_mut::<LANES>();
    let mut sum = simd.zero();
    for x in vector.iter() {
        sum = simd.add(sum, simd.load(x));
    }
    let mean = simd.all(simd.sum(sum) / DIMENSIONS as f32);
    let mut squares = simd.zero();
    for x in vector.iter() {
        let off = simd.sub(simd.load(x), mean);
        squares = simd.mul_add(off, off, squares);
    }
    let variance = simd.sum(squares) / DIMENSIONS as f32;
    let scale = simd.all(1.0 / (variance + EPSILON).sqrt());
    let (weights, biases) = (norm.weight.as_chunks::<LANES>().0, norm.bias.as_chunks::<LANES>().0);
    for ((x, weight), bias) in vector.iter_mut().zip(weights).zip(biases) {
        let off = simd.mul(simd.sub(simd.load(x), mean), scale);
        simd.store(simd.mul_add(off, simd.load(weight), simd.load(bias)), x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::file;

    /// Numbers that look random, from -1 to 1.
    fn numbers(count: usize, seed: u64) -> impl Iterator<Item = f32> {
        let mixed = move |at: u64| (seed << 32 | (at + 1)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (0..count as u64).map(move |at| (mixed(at) >> 40) as f32 / (1 << 23) as f32 - 1.0)
    }

    fn integers(rows: usize, columns: usize, scales: usize, seed: u64) -> Integers {
        let values = numbers(rows * columns, seed).map(|x| (x * 127.0) as i8).collect();
        let scales = numbers(scales, seed + 1).map(|x| (x.abs() + 0.5) / 1_500.0).collect();
        Integers { values, rows, columns, scales }
    }

    fn linear(rows: usize, columns: usize, seed: u64) -> file::Linear {
        let bias = numbers(columns, seed + 2).map(|x| x / 10.0).collect();
        file::Linear { weights: integers(rows, columns, columns, seed), bias }
    }

    fn norm(seed: u64) -> Norm {
        let weight = numbers(DIMENSIONS, seed).map(|x| 0.5 + x / 10.0).collect();
        Norm { weight, bias: numbers(DIMENSIONS, seed + 1).map(|x| x / 10.0).collect() }
    }

    /// A model of the right shape that knows nothing.
    fn model() -> File {
        let layer = |seed: u64| file::Layer {
            query: linear(DIMENSIONS, DIMENSIONS, seed),
            key: linear(DIMENSIONS, DIMENSIONS, seed + 10),
            value: linear(DIMENSIONS, DIMENSIONS, seed + 20),
            attended: linear(DIMENSIONS, DIMENSIONS, seed + 30),
            attended_norm: norm(seed + 40),
            inner: linear(DIMENSIONS, INNER, seed + 50),
            outer: linear(INNER, DIMENSIONS, seed + 60),
            outer_norm: norm(seed + 70),
        };
        File {
            words: integers(200, DIMENSIONS, 200, 1),
            positions: numbers(MAX_TOKENS * DIMENSIONS, 3).map(|x| x / 20.0).collect(),
            norm: norm(5),
            layers: (1..=RANGES.len() as u64).map(|number| layer(number * 100)).collect(),
        }
    }

    /// Whether these vectors have at least this cosine with those.
    fn are_near(these: &[f32], those: &[f32], least: f32) {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| x * y).sum::<f32>();
        assert_eq!(these.len(), those.len());
        for (a, b) in these.chunks(DIMENSIONS).zip(those.chunks(DIMENSIONS)) {
            let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
            assert!(cosine > least, "{cosine}");
        }
    }

    #[test]
    fn every_unit_makes_nearly_the_same_vectors() {
        let windows: [Vec<i32>; 3] = [1, 19, 70].map(|length| (0..length).collect());
        let windows: Vec<&[i32]> = windows.iter().map(Vec::as_slice).collect();
        let mut first: Option<Vec<f32>> = None;
        for unit in Unit::all() {
            let encoder = Encoder::of(unit, model());
            let vectors = encoder.encode(&windows, 1).unwrap();
            assert_eq!(vectors.len(), 90 * DIMENSIONS);
            assert_eq!(vectors, encoder.encode(&windows, 3).unwrap(), "{unit:?}, three threads");
            let alone = encoder.encode(&windows[1..2], 1).unwrap();
            are_near(&vectors[DIMENSIONS..20 * DIMENSIONS], &alone, 0.9999);
            are_near(first.get_or_insert_with(|| vectors.clone()), &vectors, 0.95);
        }
    }
}
