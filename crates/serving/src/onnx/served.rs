//! A model behind the seam: requests are checked, queued, batched, counted.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use cairn_kernel::{Error, Result};

use super::batcher::{Batcher, Bounds, Plan, rows_of};
use super::engine::Engine;
use super::request::{Request, forbidden_nan, refuse_nan};
use super::spec::{Batching, ModelMetadata};
use super::stack::{stack, unstack};
use super::warmup::warm_up;
use crate::runtime::{ModelState, TensorModel};
use crate::statistics::{ModelStatistics, StatisticsRecorder};
use crate::tensor::Tensor;

/// A model that answers requests, with everything around the engine.
#[derive(Debug)]
pub(crate) struct Served {
    metadata: ModelMetadata,
    engine: Arc<dyn Engine>,
    batcher: Batcher,
    /// Rows of one execution, where a longer request is computed in parts.
    part_rows: Option<usize>,
    forbidden_nan: Vec<bool>,
    statistics: Arc<StatisticsRecorder>,
    /// Why the warm-up did not compute, if it did not.
    pub(crate) failure: Option<String>,
}

impl Served {
    /// Warms a model up and decides whether its requests are batched. Blocks.
    ///
    /// # Errors
    /// `Unprocessable` when a property of the file contradicts the model.
    pub(crate) fn open(engine: Arc<dyn Engine>, mut bounds: Bounds) -> Result<Self> {
        let forbidden_nan = forbidden_nan(engine.metadata())?;
        let warmed = warm_up(engine.as_ref(), bounds.rows);
        let mut metadata = engine.metadata().clone();
        metadata.batching = warmed.batching;
        let part_rows = match metadata.batching {
            Batching::On { max_rows } => Some(max_rows),
            Batching::Off { .. } => None,
        };
        bounds.rows = part_rows.unwrap_or(usize::MAX);
        let statistics = Arc::new(StatisticsRecorder::default());
        let stacks = part_rows.is_some();
        let row_time = warmed.row_time.filter(|_| engine.runs_here());
        // Where rows gather while the engine is busy, one execution at a time has all
        // threads; otherwise requests share them.
        let parallel = if stacks { 1 } else { engine.parallel() };
        let plan = Plan { bounds, stacks, parallel, row_time };
        let batcher = Batcher::new(Arc::clone(&engine), plan, Arc::clone(&statistics));
        let failure = warmed.failure;
        Ok(Self { metadata, engine, batcher, part_rows, forbidden_nan, statistics, failure })
    }

    async fn answer(&self, inputs: Vec<Tensor>, wanted: &[String]) -> Result<Vec<Tensor>> {
        let request = Request::check(&self.metadata, inputs, wanted)?;
        refuse_nan(&request.inputs, &self.forbidden_nan)?;
        match self.part_rows {
            Some(most) if rows_of(&request.inputs) > most => self.in_parts(request, most).await,
            _ => self.batcher.submit(request).await,
        }
    }

    /// Computes a request of more rows than the model is given at once.
    async fn in_parts(&self, request: Request, most: usize) -> Result<Vec<Tensor>> {
        let Request { inputs, outputs } = request;
        let rows = rows_of(&inputs);
        let sizes: Vec<usize> = (0..rows).step_by(most).map(|from| most.min(rows - from)).collect();
        let mut parts: Vec<Vec<Tensor>> = sizes.iter().map(|_| Vec::new()).collect();
        for input in inputs {
            for (part, tensor) in parts.iter_mut().zip(unstack(input, &sizes)?) {
                part.push(tensor);
            }
        }
        let mut answers = Vec::with_capacity(parts.len());
        for inputs in parts {
            let part = Request { inputs, outputs: outputs.clone() };
            answers.push(self.batcher.submit(part).await?);
        }
        let whole = (0..outputs.len()).map(|at| {
            let parts: Option<Vec<&Tensor>> = answers.iter().map(|answer| answer.get(at)).collect();
            stack(&parts.ok_or_else(|| Error::internal("the engine left an output out"))?)
        });
        whole.collect()
    }
}

#[async_trait]
impl TensorModel for Served {
    fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    async fn infer(&self, inputs: Vec<Tensor>, wanted: &[String]) -> Result<Vec<Tensor>> {
        let began = Instant::now();
        let result = self.answer(inputs, wanted).await;
        let took = began.elapsed();
        self.statistics.ended(result.is_ok(), took);
        let outcome = result.as_ref().map_or_else(|error| error.kind().name(), |_| "ok");
        let model = || self.metadata.name.clone();
        metrics::counter!("cairn_onnx_requests_total", "model" => model(), "outcome" => outcome)
            .increment(1);
        metrics::histogram!("cairn_onnx_infer_seconds", "model" => model()).record(took);
        result
    }

    fn state(&self) -> ModelState {
        self.engine.state()
    }

    fn memory_bytes(&self) -> Option<u64> {
        self.engine.memory_bytes()
    }

    fn statistics(&self) -> Option<ModelStatistics> {
        Some(self.statistics.snapshot())
    }

    fn waiting(&self) -> usize {
        self.batcher.waiting()
    }
}
