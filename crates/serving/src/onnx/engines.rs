//! Opening a model file: which engine runs it, and why.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use cairn_isolate::Isolate;
use cairn_kernel::{Error, Kind, Result, ResultExt as _, Tasks};
use tokio::sync::OnceCell;

use super::batcher::Bounds;
use super::child::{ChildEngine, declared, probe};
use super::engine::Engine;
use super::intake::{INVALID_FILE, take_in};
use super::model::{ModelIdentity, OnnxModel};
use super::served::Served;
use crate::models::{ModelStore, ONNX_RUNTIME};
use crate::runtime::TensorModel;

/// What opens tensor models. Cheap to clone.
#[derive(Clone, Debug)]
pub struct OnnxEngines {
    isolate: Isolate,
    tasks: Tasks,
    store: Arc<ModelStore>,
    bounds: Bounds,
    /// Files that were loaded and run in a child, by their SHA-256. Who comes while that
    /// happens waits for it.
    probed: Arc<Mutex<HashMap<String, Arc<OnceCell<()>>>>>,
}

/// Files of which it is remembered that they are safe to load.
const PROBED_MAX: usize = 4096;

impl OnnxEngines {
    /// Engines in this process, and in children of `isolate` that are kept among
    /// `tasks`, with the ONNX Runtime library of `store` where it is installed.
    pub fn new(isolate: Isolate, tasks: Tasks, store: Arc<ModelStore>) -> Self {
        Self { isolate, tasks, store, bounds: Bounds::default(), probed: Arc::default() }
    }

    /// The same engines with other bounds for queues and batches.
    #[must_use]
    pub fn with_bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Opens a model from the bytes of an `.onnx` file, warmed up and ready.
    ///
    /// # Errors
    /// `Conflict` when the bytes are not those that the identity names,
    /// `Unprocessable` for a damaged or hostile file, `Unsupported`, with the remedy,
    /// for a model that no engine here can run.
    pub async fn open(
        &self,
        bytes: Vec<u8>,
        identity: ModelIdentity,
    ) -> Result<Arc<dyn TensorModel>> {
        let library = self.library().await?;
        // Kept for a second engine, if there is one.
        let again = library.is_some().then(|| bytes.clone());
        let engine = self.engine(bytes, identity.clone(), library.clone()).await?;
        let mut served = self.warm(engine).await?;
        let failure = served.failure.clone().filter(|_| !served.metadata().is_onnx_runtime());
        if let (Some(failure), Some(bytes)) = (failure, again) {
            let reason = format!("rten did not compute a made-up request ({failure})");
            let other =
                async { self.warm(self.runtime(bytes, identity, reason, library).await?).await };
            match other.await {
                Ok(other) if other.failure.is_none() => served = other,
                Ok(_) => {}
                Err(error) => tracing::info!(reason = error.detail(), "nor did ONNX Runtime"),
            }
        }
        let metadata = served.metadata();
        tracing::info!(
            model = metadata.name,
            version = metadata.version,
            platform = metadata.platform,
            reason = metadata.engine_reason,
            "tensor model ready"
        );
        Ok(Arc::new(served))
    }

    async fn warm(&self, engine: Arc<dyn Engine>) -> Result<Served> {
        let bounds = self.bounds.clone();
        blocking(move || Served::open(engine, bounds)).await?
    }

    async fn engine(
        &self,
        bytes: Vec<u8>,
        identity: ModelIdentity,
        library: Option<PathBuf>,
    ) -> Result<Arc<dyn Engine>> {
        let (checked, bytes) = blocking({
            let identity = identity.clone();
            move || (OnnxModel::check(&bytes, &identity), bytes)
        })
        .await?;
        let lacking = match checked {
            Ok((mut metadata, Some(node))) => {
                metadata.engine_reason = format!(
                    "rten has every operator of the model; how much {node} computes, a request \
                     says, so it runs in a child with a memory ceiling"
                );
                let (isolate, tasks) = (&self.isolate, &self.tasks);
                match ChildEngine::start(isolate, tasks, None, bytes.clone(), metadata).await {
                    Ok(engine) => return Ok(Arc::new(engine)),
                    Err(error) => error,
                }
            }
            Ok((_, None)) => match self.probe(&bytes, &identity).await {
                Ok(()) => return Ok(blocking(move || OnnxModel::load(bytes, identity)).await??),
                Err(error) => error,
            },
            Err(error) => error,
        };
        // A file that is no sane model is so for every engine.
        if lacking.kind() != Kind::Unsupported || lacking.code() == Some(INVALID_FILE) {
            return Err(lacking);
        }
        self.runtime(bytes, identity, lacking.message().to_owned(), library).await
    }

    /// Loads and runs a file once in a child, unless that was done.
    async fn probe(&self, bytes: &[u8], identity: &ModelIdentity) -> Result<()> {
        let cell = {
            let mut probed = self.probed.lock().unwrap_or_else(PoisonError::into_inner);
            if probed.len() >= PROBED_MAX {
                probed.clear();
            }
            Arc::clone(probed.entry(identity.sha256.to_ascii_lowercase()).or_default())
        };
        cell.get_or_try_init(|| probe(&self.isolate, bytes, identity)).await.copied()
    }

    /// ONNX Runtime, for a model that rten cannot run for this `reason`.
    async fn runtime(
        &self,
        bytes: Vec<u8>,
        identity: ModelIdentity,
        reason: String,
        library: Option<PathBuf>,
    ) -> Result<Arc<dyn Engine>> {
        let (declared, bytes) = blocking(move || {
            let metadata = take_in(&bytes, &identity)
                .and_then(|(model, sha256)| declared(&model, sha256, identity, reason));
            (metadata, bytes)
        })
        .await?;
        let metadata = declared?;
        let Some(library) = library else {
            return Err(Error::new(
                Kind::Unsupported,
                format!(
                    "model '{}' cannot be served here: {}; ONNX Runtime may have it, and `cairn \
                     models pull {ONNX_RUNTIME}` installs that",
                    metadata.name, metadata.engine_reason
                ),
            )
            .with_code("engine_missing"));
        };
        let (isolate, tasks) = (&self.isolate, &self.tasks);
        Ok(Arc::new(ChildEngine::start(isolate, tasks, Some(library), bytes, metadata).await?))
    }

    async fn library(&self) -> Result<Option<PathBuf>> {
        let store = Arc::clone(&self.store);
        blocking(move || store.path_of(ONNX_RUNTIME)).await
    }
}

async fn blocking<R: Send + 'static>(work: impl FnOnce() -> R + Send + 'static) -> Result<R> {
    tokio::task::spawn_blocking(work).await.or_internal("loading a model")
}
