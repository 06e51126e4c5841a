//! The model itself: token ids in, token vectors out.

use std::cell::OnceCell;
use std::path::Path;
use std::sync::Arc;

use cairn_encoder::Encoder;
use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use rten::{ModelOptions, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::{Layout as _, NdTensor};

use super::text::missing;
use crate::onnx::guarded;

/// Numbers in one vector.
pub const DIMENSIONS: usize = cairn_encoder::DIMENSIONS;

/// The threads that a batch may be computed with, started when an engine asks for them.
pub(crate) struct Threads {
    count: usize,
    pool: OnceCell<Arc<ThreadPool>>,
}

impl Threads {
    pub(crate) fn new(count: usize) -> Self {
        Self { count, pool: OnceCell::new() }
    }

    fn pool(&self) -> Arc<ThreadPool> {
        let start = || Arc::new(ThreadPool::with_num_threads(self.count));
        Arc::clone(self.pool.get_or_init(start))
    }
}

/// The loaded model. Runs share it.
#[derive(Debug)]
pub(crate) enum Engine {
    /// In integers, where this processor has instructions for them.
    Integers(Box<Encoder>),
    /// As its file has it.
    Floats(Box<Floats>),
}

impl Engine {
    /// Loads the model file, in integers where that is faster.
    ///
    /// # Errors
    /// `Unavailable` when the file is absent, `Unprocessable` when it is not this model.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(missing(path));
        }
        let loaded = std::fs::read(path).map_err(|cause| cause.to_string()).and_then(|file| {
            let load = || match Encoder::read(&file) {
                Some(encoder) => Ok(Self::Integers(Box::new(encoder))),
                None => Floats::of(file).map(|floats| Self::Floats(Box::new(floats))),
            };
            guarded("loading the embedding model", load).map_err(|e| e.to_string())?
        });
        loaded.map_err(|cause| {
            let message = format!("the embedding model {} cannot be used: {cause}", path.display());
            Error::new(Kind::Unprocessable, message)
        })
    }

    /// What it computes with.
    pub(crate) fn unit(&self) -> &'static str {
        match self {
            Self::Integers(encoder) => encoder.unit(),
            Self::Floats(_) => "floats",
        }
    }

    /// Whether a run needs no threads of its caller's.
    pub(crate) fn starts_no_threads(&self) -> bool {
        matches!(self, Self::Integers(_))
    }

    /// Runs windows with up to so many threads.
    ///
    /// # Errors
    /// `Internal` when the engine fails.
    pub(crate) fn run(&self, windows: &[&[i32]], threads: &Threads) -> Result<Hidden> {
        match self {
            Self::Integers(encoder) => {
                let values = guarded("embedding", || encoder.encode(windows, threads.count))?;
                let values = values.or_internal("embedding")?;
                let mut next = 0;
                let start = |window: &&[i32]| {
                    next += window.len();
                    next - window.len()
                };
                Ok(Hidden { values, starts: windows.iter().map(start).collect() })
            }
            Self::Floats(floats) => floats.run(windows, threads.pool()),
        }
    }
}

/// The model in a general engine.
pub(crate) struct Floats {
    model: rten::Model,
    inputs: [NodeId; 3],
    output: NodeId,
}

impl std::fmt::Debug for Floats {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Floats").field("model", &self.model).finish()
    }
}

impl Floats {
    /// The model of these bytes.
    pub(super) fn of(file: Vec<u8>) -> std::result::Result<Self, String> {
        let mut options = ModelOptions::with_all_ops();
        options.prepack_weights(true);
        let model = options.load(file).map_err(|cause| cause.to_string())?;
        let node = |name: &str| model.node_id(name).map_err(|cause| cause.to_string());
        let inputs = [node("input_ids")?, node("attention_mask")?, node("token_type_ids")?];
        let output = node("last_hidden_state")?;
        Ok(Self { model, inputs, output })
    }

    /// Runs windows padded to the longest of them.
    fn run(&self, windows: &[&[i32]], threads: Arc<ThreadPool>) -> Result<Hidden> {
        let longest = windows.iter().map(|window| window.len()).max().unwrap_or(0);
        let shape = [windows.len(), longest];
        let mut ids = vec![0; windows.len() * longest];
        let mut mask = vec![0; windows.len() * longest];
        for (row, window) in windows.iter().enumerate() {
            let start = row * longest;
            let end = start + window.len();
            if let (Some(ids), Some(mask)) = (ids.get_mut(start..end), mask.get_mut(start..end)) {
                ids.copy_from_slice(window);
                mask.fill(1);
            }
        }
        let types = vec![0; ids.len()];
        let value = |data| Value::from_shape(shape, data).or_internal("making token tensors");
        let feeds = vec![
            (self.inputs[0], value(ids)?.into()),
            (self.inputs[1], value(mask)?.into()),
            (self.inputs[2], value(types)?.into()),
        ];
        let options = RunOptions::default().with_thread_pool(Some(threads));
        let run = || self.model.run_n(feeds, [self.output], Some(options));
        let [hidden] = guarded("embedding", run)?.or_internal("embedding")?;
        let hidden: NdTensor<f32, 3> =
            hidden.try_into().or_internal("reading the embedding model's output")?;
        if hidden.shape() != [shape[0], shape[1], DIMENSIONS] {
            let shape = hidden.shape();
            return Err(Error::internal(format!("the embedding model's output is {shape:?}")));
        }
        let starts = (0..windows.len()).map(|row| row * longest).collect();
        Ok(Hidden { values: hidden.into_data(), starts })
    }
}

/// The token vectors of a batch of windows.
pub(crate) struct Hidden {
    /// [`DIMENSIONS`] for each token.
    values: Vec<f32>,
    /// The token that each window begins with.
    starts: Vec<usize>,
}

impl Hidden {
    /// The vectors of the first `tokens` tokens of a window, one after another:
    /// [`DIMENSIONS`] numbers each. Padding is behind them.
    pub(crate) fn window(&self, row: usize, tokens: usize) -> &[f32] {
        let start = self.starts.get(row).map_or(usize::MAX, |start| start * DIMENSIONS);
        let end = start.saturating_add(tokens * DIMENSIONS);
        self.values.get(start..end).unwrap_or(&[])
    }
}
