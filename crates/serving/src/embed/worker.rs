//! The threads that run batches.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_kernel::{Error, Result, ResultExt as _};

use super::batch::Batch;
use super::engine::{Engine, Hidden, Threads};
use super::queue::{Queues, Window};

/// What one worker thread does.
#[derive(Clone, Debug)]
pub(crate) struct Worker {
    /// The model's file.
    pub(crate) model: PathBuf,
    /// Whether it takes bulk work; otherwise it waits for interactive work alone.
    pub(crate) bulk: bool,
    /// Threads that one batch is computed with.
    pub(crate) threads: usize,
    /// How long without work until the model is unloaded.
    pub(crate) idle: Duration,
    /// The nice value of a thread for bulk work.
    pub(crate) nice: i32,
}

impl Worker {
    /// Starts the thread; it ends when the queues are closed.
    pub(crate) fn start(self, queues: Arc<Queues>) -> Result<()> {
        let name = if self.bulk { "embed-bulk" } else { "embed-query" };
        let thread = std::thread::Builder::new().name(name.to_owned());
        thread.spawn(move || self.work(&queues)).or_internal("starting an embedding thread")?;
        Ok(())
    }

    fn work(&self, queues: &Queues) {
        if self.bulk
            && let Err(cause) = rustix::process::setpriority_process(None, self.nice)
        {
            tracing::debug!(%cause, "the priority of a bulk thread was not lowered");
        }
        // They inherit the priority of this one.
        let threads = Threads::new(self.threads);
        while let Some(batch) = queues.take(self.bulk, self.idle) {
            self.run(queues, batch, &threads);
            queues.finished(self.bulk);
        }
    }

    fn run(&self, queues: &Queues, mut batch: Batch<Window>, threads: &Threads) {
        batch.items.retain(|window| !window.call.is_abandoned());
        if batch.items.is_empty() {
            return;
        }
        let windows: Vec<&[i32]> = batch.items.iter().map(|window| window.ids.as_slice()).collect();
        match queues.engine(|| self.load()).and_then(|engine| compute(&engine, &windows, threads)) {
            Ok(hidden) => {
                for (row, window) in batch.items.iter().enumerate() {
                    let tokens = hidden.window(row, window.ids.len());
                    window.call.add((window.text, window.part), tokens);
                }
            }
            Err(error) => {
                tracing::warn!(error = error.detail(), "a batch of embeddings failed");
                for window in &batch.items {
                    window.call.fail(Error::new(error.kind(), error.message()));
                }
            }
        }
    }

    fn load(&self) -> Result<Engine> {
        let started = Instant::now();
        let engine = Engine::load(&self.model)?;
        let milliseconds = started.elapsed().as_millis();
        let (model, unit) = (self.model.display(), engine.unit());
        tracing::info!(%model, unit, milliseconds, "embedding model loaded");
        Ok(engine)
    }
}

/// The token vectors of windows.
///
/// # Errors
/// `Internal` when the engine fails.
#[expect(clippy::cast_precision_loss, reason = "histograms are floats")]
pub(crate) fn compute(engine: &Engine, windows: &[&[i32]], threads: &Threads) -> Result<Hidden> {
    let hidden = engine.run(windows, threads)?;
    let tokens: usize = windows.iter().map(|window| window.len()).sum();
    metrics::counter!("cairn_embed_tokens_total").increment(tokens as u64);
    metrics::histogram!("cairn_embed_batch_size").record(windows.len() as f64);
    Ok(hidden)
}
