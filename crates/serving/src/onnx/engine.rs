//! What computes, apart from who asks: the seam between requests and engines.

use cairn_kernel::{Error, Result};

use super::spec::ModelMetadata;
use crate::runtime::ModelState;
use crate::statistics::Phases;
use crate::tensor::Tensor;

/// A loaded model in some engine. Calls block; they may come from several threads.
pub(crate) trait Engine: Send + Sync + std::fmt::Debug {
    /// What it takes and gives.
    fn metadata(&self) -> &ModelMetadata;

    /// Computes once: `inputs` are checked and in the order of the metadata, `outputs`
    /// are indexes into the metadata's outputs, without repetition.
    ///
    /// # Errors
    /// `Unprocessable` for values that the model cannot compute, `Unavailable` when the
    /// engine is gone, `Timeout` when it was stopped for taking too long.
    fn execute(&self, inputs: Vec<Tensor>, outputs: &[usize]) -> Result<Executed>;

    /// How many executions may run side by side.
    fn parallel(&self) -> usize;

    /// Whether an execution may be as short as the computation: nothing is waited for.
    fn runs_here(&self) -> bool;

    /// Whether it answers.
    fn state(&self) -> ModelState;

    /// Memory it holds, in bytes, as far as it can tell.
    fn memory_bytes(&self) -> Option<u64>;
}

/// The outcome of one execution.
#[derive(Debug)]
pub(crate) struct Executed {
    /// The outputs asked for, in that order.
    pub(crate) outputs: Vec<Tensor>,
    /// Where the time went.
    pub(crate) phases: Phases,
}

impl Executed {
    /// The outputs `wanted` in that order, of those that were computed for the indexes
    /// `computed`, which are ascending.
    ///
    /// # Errors
    /// `Internal` when one was not computed.
    pub(crate) fn pick(self, computed: &[usize], wanted: &[usize]) -> Result<Vec<Tensor>> {
        if computed == wanted {
            return Ok(self.outputs);
        }
        let find = |output: &usize| {
            let place = computed.binary_search(output).ok()?;
            self.outputs.get(place).cloned()
        };
        let found: Option<Vec<_>> = wanted.iter().map(find).collect();
        found.ok_or_else(|| Error::internal("the engine left an output out"))
    }
}
