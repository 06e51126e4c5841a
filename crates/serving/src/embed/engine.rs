//! The model itself: token ids in, token vectors out.

use std::path::Path;
use std::sync::Arc;

use cairn_kernel::{Error, Kind, Result, ResultExt as _};
use rten::{ModelOptions, NodeId, RunOptions, ThreadPool, Value};
use rten_tensor::{Layout as _, NdTensor};

use super::integers::in_integers;
use super::text::missing;
use crate::onnx::guarded;

/// Numbers in one vector.
pub const DIMENSIONS: usize = 384;

/// The loaded model. Runs share it.
pub(crate) struct Engine {
    model: rten::Model,
    inputs: [NodeId; 3],
    output: NodeId,
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("model", &self.model).finish()
    }
}

impl Engine {
    /// Loads the model file, with its large products in integers where that is faster.
    ///
    /// # Errors
    /// `Unavailable` when the file is absent, `Unprocessable` when it is not this model.
    pub(crate) fn load(path: &Path) -> Result<Self> {
        if !path.is_file() {
            return Err(missing(path));
        }
        let loaded = std::fs::read(path).map_err(|cause| cause.to_string()).and_then(|file| {
            let file = in_integers(&file).unwrap_or(file);
            guarded("loading the embedding model", || Self::of(file)).map_err(|e| e.to_string())?
        });
        loaded.map_err(|cause| {
            let message = format!("the embedding model {} cannot be used: {cause}", path.display());
            Error::new(Kind::Unprocessable, message)
        })
    }

    /// The model of these bytes, as they are.
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
    ///
    /// # Errors
    /// `Internal` when the engine fails.
    pub(crate) fn run(&self, windows: &[&[i32]], threads: &Arc<ThreadPool>) -> Result<Hidden> {
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
        let options = RunOptions::default().with_thread_pool(Some(Arc::clone(threads)));
        let run = || self.model.run_n(feeds, [self.output], Some(options));
        let [hidden] = guarded("embedding", run)?.or_internal("embedding")?;
        let hidden: NdTensor<f32, 3> =
            hidden.try_into().or_internal("reading the embedding model's output")?;
        if hidden.shape() != [shape[0], shape[1], DIMENSIONS] {
            let shape = hidden.shape();
            return Err(Error::internal(format!("the embedding model's output is {shape:?}")));
        }
        Ok(Hidden { values: hidden.into_data(), longest })
    }
}

/// The token vectors of a batch of windows.
pub(crate) struct Hidden {
    values: Vec<f32>,
    longest: usize,
}

impl Hidden {
    /// The vectors of the first `tokens` tokens of a window, one after another:
    /// [`DIMENSIONS`] numbers each. Padding is behind them.
    pub(crate) fn window(&self, row: usize, tokens: usize) -> &[f32] {
        let start = row * self.longest * DIMENSIONS;
        self.values.get(start..start + tokens * DIMENSIONS).unwrap_or(&[])
    }
}
