//! The model, from tokens to their vectors.

use std::arch::x86_64::{
    _mm512_add_ps, _mm512_fmadd_ps, _mm512_mul_ps, _mm512_reduce_add_ps, _mm512_set1_ps,
    _mm512_setzero_ps, _mm512_sub_ps,
};
use std::ops::Range as Rows;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, RwLock};

use rayon::{ThreadPool, ThreadPoolBuilder};

use crate::attention::{self, Attention, SCALE};
use crate::file::{File, INNER, Integers, Norm};
use crate::lanes::{LANES, gelu, load, load_two, store, store_two};
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
        Some(Self(Arc::new(Model { unit, words, positions, norm, layers: layers.collect() })))
    }

    /// What the products are computed with.
    pub fn unit(&self) -> &'static str {
        match self.0.unit {
            Unit::Tiles => "AMX",
            Unit::Lanes => "AVX-512 VNNI",
        }
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
        // SAFETY: the processor has the instructions of a unit.
        let vectors = unsafe { self.0.embedded(windows) }?;
        let most = if self.0.unit == Unit::Lanes { vectors.len() / TOKENS_A_PART } else { 1 };
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
        let ready = self.model.unit.ready();
        // SAFETY: the processor has the instructions of a unit.
        self.stages.work(|stage, part| unsafe { self.step(&ready, stage, part) });
    }

    /// What a part does between what the attention of a layer reads of all parts and what the
    /// attention of the next one does.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn step(&self, ready: &Ready, stage: usize, number: usize) {
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
                layer.attend(ready, &mut part, (number, &all), &self.windows);
                layer.feed(ready, &mut part, next.map(|next| &next.ranges[0]));
            }
            None => part.begin(norm, next.map(|next| &next.ranges[0])),
        }
        if let Some(layer) = next {
            let asked = &self.asked[stage % self.asked.len()][number];
            let mut asked = asked.write().unwrap_or_else(PoisonError::into_inner);
            layer.attention.multiply(ready, &part.narrow, |row, column, block| {
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
            narrow: Rounded::new(vectors.len(), DIMENSIONS),
            wide: Rounded::new(vectors.len(), INNER),
            space: attention::Space::default(),
            vectors,
        }
    }

    /// Normalises what the first layer reads, and rounds it.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn begin(&mut self, norm: &Norm, next: Option<&Range>) {
        for (row, vector) in self.vectors.iter_mut().enumerate() {
            normalise(vector, norm);
            if let Some(range) = next {
                self.narrow.put(range, row, 0, vector);
            }
        }
    }
}

impl Layer {
    /// Adds to each token of a part what it takes from the others of its window.
    #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,fma")]
    fn attend(
        &self,
        ready: &Ready,
        part: &mut Part,
        (number, all): (usize, &[&Attention]),
        windows: &[Rows<usize>],
    ) {
        let Part { vectors, narrow, space, .. } = part;
        for window in windows {
            space.attend(ready, (all[number], all), window, |row, column, taken| {
                narrow.put(&self.ranges[1], row, column, taken);
            });
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
    fn feed(&self, ready: &Ready, part: &mut Part, next: Option<&Range>) {
        let Part { vectors, narrow, wide, .. } = part;
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
