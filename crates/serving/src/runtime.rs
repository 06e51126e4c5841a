//! What every running model can say of itself, whatever runs it.

use async_trait::async_trait;
use cairn_kernel::Result;

use crate::gguf::{Gguf, State};
use crate::onnx::{ModelMetadata, OnnxModel};
use crate::statistics::ModelStatistics;
use crate::tensor::Tensor;

/// Which engine runs a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RuntimeKind {
    /// llama.cpp, in a child process.
    Gguf,
    /// rten, in this process.
    Onnx,
}

impl RuntimeKind {
    /// The name, as the status shows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gguf => "gguf",
            Self::Onnx => "onnx",
        }
    }
}

/// Whether a model answers, and why not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ModelState {
    /// It is being loaded.
    Loading,
    /// It answers.
    Ready,
    /// It was unloaded on purpose.
    Unloaded,
    /// It failed and is being started again.
    Failed {
        /// What happened.
        reason: String,
    },
}

impl ModelState {
    /// The name, as the status shows it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Loading => "loading",
            Self::Ready => "ready",
            Self::Unloaded => "unloaded",
            Self::Failed { .. } => "failed",
        }
    }
}

/// A loaded model, apart from what it computes.
#[async_trait]
pub trait Runtime: Send + Sync {
    /// Which engine runs it.
    fn kind(&self) -> RuntimeKind;
    /// Whether it answers.
    fn state(&self) -> ModelState;
    /// Memory it holds, in bytes, as far as the engine can tell.
    fn memory_bytes(&self) -> Option<u64>;
    /// Ends it; requests after that fail, and its memory is free when this returns
    /// and the requests that run have ended.
    async fn stop(&self);
}

#[async_trait]
impl Runtime for Gguf {
    fn kind(&self) -> RuntimeKind {
        RuntimeKind::Gguf
    }

    fn state(&self) -> ModelState {
        match Gguf::state(self) {
            State::Starting => ModelState::Loading,
            State::Ready => ModelState::Ready,
            State::Restarting { reason } => ModelState::Failed { reason },
            State::Stopped => ModelState::Unloaded,
        }
    }

    fn memory_bytes(&self) -> Option<u64> {
        resident(self.pid()?)
    }

    async fn stop(&self) {
        Gguf::stop(self).await;
    }
}

#[async_trait]
impl Runtime for OnnxModel {
    fn kind(&self) -> RuntimeKind {
        RuntimeKind::Onnx
    }

    fn state(&self) -> ModelState {
        if self.is_loaded() { ModelState::Ready } else { ModelState::Unloaded }
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.is_loaded().then(|| self.weight_bytes())
    }

    async fn stop(&self) {
        self.unload();
    }
}

/// A model from tensors to tensors, wherever it runs: the seam behind the Open
/// Inference Protocol. Cheap to share; requests run side by side.
#[async_trait]
pub trait TensorModel: Send + Sync {
    /// What it takes and gives, and which engine runs it and why.
    fn metadata(&self) -> &ModelMetadata;

    /// Answers one request: `inputs` in any order, and the outputs named in `wanted`
    /// in that order (all of them when it is empty).
    ///
    /// # Errors
    /// `Invalid`, naming the input, for one that is missing, unknown, sent twice, or
    /// of another type or shape than declared; `Unavailable` when the engine is gone
    /// or restarts; `Unprocessable` when it cannot compute these values.
    async fn infer(&self, inputs: Vec<Tensor>, wanted: &[String]) -> Result<Vec<Tensor>>;

    /// Whether it answers now. What runs in this process does from the moment it was
    /// opened.
    fn state(&self) -> ModelState {
        ModelState::Ready
    }

    /// Memory it holds here, in bytes, as far as that is known.
    fn memory_bytes(&self) -> Option<u64> {
        None
    }

    /// What it has done since it was opened; `None` for an engine that counts elsewhere,
    /// as a remote server does.
    fn statistics(&self) -> Option<ModelStatistics> {
        None
    }

    /// Requests that wait here for the engine now.
    fn waiting(&self) -> usize {
        0
    }
}

/// The resident memory of a process, where the system tells.
pub(crate) fn resident(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}
