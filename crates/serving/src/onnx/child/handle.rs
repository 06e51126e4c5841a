//! The server's end of a child: starts it, asks it, starts it again.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use cairn_isolate::{Child, Handle, Isolate, Spec};
use cairn_kernel::{Error, Kind, Result, Shutdown, Tasks};
use tokio_util::sync::CancellationToken;

use super::CHILD_ROLE;
use super::wire::{Ask, Flavour, Load, Reply, pack, unpack};
use crate::onnx::ModelIdentity;
use crate::onnx::engine::{Engine, Executed};
use crate::onnx::intake::INVALID_FILE;
use crate::onnx::spec::ModelMetadata;
use crate::runtime::{ModelState, resident};
use crate::statistics::Phases;
use crate::tensor::Tensor;

const BACKOFF_FIRST: Duration = Duration::from_millis(200);
const BACKOFF_LAST: Duration = Duration::from_secs(10);
/// A child that has lived this long was no failed start.
const SETTLED: Duration = Duration::from_secs(10);
/// How long a child may take to load a model and run it once.
const LOAD_LIMIT: Duration = Duration::from_secs(120);
/// How long a child may compute one execution.
const RUN_LIMIT: Duration = Duration::from_secs(60);
/// Address space of a child besides its model, and for each thread.
const MEMORY_BASE: u64 = 2 << 30;
const MEMORY_THREAD: u64 = 128 << 20;

/// A model in a child of this program.
#[derive(Debug)]
pub(in crate::onnx) struct ChildEngine {
    metadata: ModelMetadata,
    shared: Arc<Shared>,
    /// Calls come from blocking threads, and the pipes belong to the async runtime.
    runtime: tokio::runtime::Handle,
}

#[derive(Debug)]
struct Shared {
    isolate: Isolate,
    load: Load,
    bytes: Vec<u8>,
    child: tokio::sync::Mutex<Option<Child>>,
    now: Mutex<(ModelState, Option<Handle>)>,
    stop: CancellationToken,
}

impl Drop for ChildEngine {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl ChildEngine {
    /// Starts a child, with ONNX Runtime where a `library` is given and else with rten,
    /// and waits until the model is loaded. The child is kept among `tasks` until the
    /// engine is dropped.
    ///
    /// # Errors
    /// `Unsupported` when the engine cannot run the model, `Unprocessable` when the file
    /// ends the child, `Unavailable` when no child can be started.
    pub(in crate::onnx) async fn start(
        isolate: &Isolate,
        tasks: &Tasks,
        library: Option<PathBuf>,
        bytes: Vec<u8>,
        metadata: ModelMetadata,
    ) -> Result<Self> {
        let flavour = library.map_or(Flavour::Rten, |library| Flavour::Ort { library });
        let load = load(flavour, &metadata.name, &metadata.version, &metadata.sha256);
        let shared = Arc::new(Shared {
            isolate: isolate.clone(),
            load,
            bytes,
            child: tokio::sync::Mutex::default(),
            now: Mutex::new((ModelState::Loading, None)),
            stop: CancellationToken::new(),
        });
        let handle = shared.start().await?;
        let (kept, shutdown) = (Arc::clone(&shared), tasks.shutdown());
        tasks.spawn("onnx", supervise(kept, handle, shutdown));
        Ok(Self { metadata, shared, runtime: tokio::runtime::Handle::current() })
    }
}

/// Loads and runs a file with rten in a child that has a ceiling, and ends it again.
///
/// # Errors
/// What kept the file from loading; `Unprocessable` when it ended the child.
pub(in crate::onnx) async fn probe(
    isolate: &Isolate,
    bytes: &[u8],
    identity: &ModelIdentity,
) -> Result<()> {
    let ModelIdentity { name, version, sha256 } = identity;
    launch(isolate, &load(Flavour::Rten, name, version, sha256), bytes).await.map(|child| {
        child.handle().kill();
    })
}

fn load(flavour: Flavour, name: &str, version: &str, sha256: &str) -> Load {
    Load {
        flavour,
        name: name.to_owned(),
        version: version.to_owned(),
        sha256: sha256.to_owned(),
        threads: threads(),
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// Starts a child and has it load the model.
async fn launch(isolate: &Isolate, load: &Load, bytes: &[u8]) -> Result<Child> {
    let memory = MEMORY_BASE
        .saturating_add(MEMORY_THREAD.saturating_mul(threads() as u64))
        .saturating_add((bytes.len() as u64).saturating_mul(8));
    let library = match &load.flavour {
        Flavour::Ort { library } => Some(library.clone()),
        Flavour::Rten => None,
    };
    let mut child = isolate.spawn(&Spec::new(CHILD_ROLE).memory(memory).readable(library))?;
    let ask = Ask::Load(load.clone());
    let answer = tokio::time::timeout(LOAD_LIMIT, child.call::<_, Reply>(&ask, bytes)).await;
    let name = &load.name;
    let hostile = |what: String| Error::new(Kind::Unprocessable, what).with_code(INVALID_FILE);
    match answer {
        Ok(Ok((Reply::Loaded, _))) => Ok(child),
        Ok(Ok((Reply::Failed { fault, message }, _))) => Err(Error::new(fault.kind(), message)),
        Ok(Ok((Reply::Ran { .. }, _))) => Err(Error::internal("the engine spoke out of turn")),
        Ok(Err(error)) => Err(hostile(format!(
            "the file of model '{name}' ended the engine that loaded it (it asks for more than \
             {} GiB of memory, or crashes the engine); it is refused",
            memory >> 30
        ))
        .with_source(error.detail())),
        Err(_) => {
            child.handle().kill();
            Err(hostile(format!(
                "the file of model '{name}' was not loaded and run once within {} s; it is refused",
                LOAD_LIMIT.as_secs()
            )))
        }
    }
}

impl Shared {
    async fn start(&self) -> Result<Handle> {
        let began = Instant::now();
        let child = launch(&self.isolate, &self.load, &self.bytes).await?;
        let handle = child.handle().clone();
        *self.child.lock().await = Some(child);
        self.set(ModelState::Ready, Some(handle.clone()));
        tracing::info!(
            model = self.load.name,
            pid = handle.pid(),
            milliseconds = began.elapsed().as_millis(),
            "a child has loaded the model"
        );
        Ok(handle)
    }

    async fn call(&self, inputs: &[Tensor], outputs: &[usize]) -> Result<Executed> {
        let mut slot = self.child.lock().await;
        let Some(child) = slot.as_mut().filter(|child| child.handle().is_running()) else {
            return Err(self.restarting("is being started again"));
        };
        let (heads, payload) = pack(inputs);
        let ask = Ask::Run { inputs: heads, outputs: outputs.to_vec() };
        let answer = tokio::time::timeout(RUN_LIMIT, child.call::<_, Reply>(&ask, &payload)).await;
        match answer {
            Ok(Ok((Reply::Ran { outputs, phases }, payload))) => {
                let [input, infer, output] = phases.map(Duration::from_nanos);
                let outputs = unpack(outputs, &payload)?;
                Ok(Executed { outputs, phases: Phases { input, infer, output } })
            }
            Ok(Ok((Reply::Failed { fault, message }, _))) => Err(Error::new(fault.kind(), message)),
            Ok(Ok((Reply::Loaded, _))) => Err(Error::internal("the engine spoke out of turn")),
            Ok(Err(error)) => {
                *slot = None;
                self.set(ModelState::Failed { reason: error.detail() }, None);
                Err(self.restarting("ended in the middle of the work").with_source(error.detail()))
            }
            Err(_) => {
                child.handle().kill();
                *slot = None;
                let reason = "it computed one request for too long".to_owned();
                self.set(ModelState::Failed { reason }, None);
                Err(Error::new(
                    Kind::Timeout,
                    format!(
                        "model '{}' computed for more than {} s and was stopped; send less at once",
                        self.load.name,
                        RUN_LIMIT.as_secs()
                    ),
                ))
            }
        }
    }

    fn restarting(&self, what: &str) -> Error {
        let name = &self.load.name;
        Error::unavailable(format!("the engine of model '{name}' {what}; send the request again"))
            .with_code("engine_restarting")
    }

    fn set(&self, state: ModelState, child: Option<Handle>) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner) = (state, child);
    }

    fn now(&self) -> (ModelState, Option<Handle>) {
        self.now.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Keeps the child running until nobody holds the engine any more.
async fn supervise(shared: Arc<Shared>, first: Handle, shutdown: Shutdown) {
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = shutdown.requested() => {}
        _ = keep_running(&shared, first) => {}
    }
    let (_, child) = shared.now();
    shared.set(ModelState::Unloaded, None);
    if let Some(child) = child {
        child.kill();
        child.ended().await;
    }
    shared.child.lock().await.take();
    tracing::info!(model = shared.load.name, "the child of a tensor model stopped");
}

/// Starts the child again whenever it ends.
async fn keep_running(shared: &Shared, first: Handle) -> std::convert::Infallible {
    let mut present = first;
    let mut backoff = BACKOFF_FIRST;
    loop {
        let began = Instant::now();
        let mut reason = present.ended().await;
        shared.child.lock().await.take();
        if began.elapsed() > SETTLED {
            backoff = BACKOFF_FIRST;
        }
        present = loop {
            let model = &shared.load.name;
            shared.set(ModelState::Failed { reason: reason.clone() }, None);
            tracing::warn!(model, reason, wait = ?backoff, "the engine ended; starting it again");
            metrics::counter!("cairn_onnx_restarts_total", "model" => model.clone()).increment(1);
            tokio::time::sleep(backoff).await;
            backoff = (backoff * 2).min(BACKOFF_LAST);
            match shared.start().await {
                Ok(handle) => break handle,
                Err(error) => reason = error.detail(),
            }
        };
    }
}

impl Engine for ChildEngine {
    fn metadata(&self) -> &ModelMetadata {
        &self.metadata
    }

    fn execute(&self, inputs: Vec<Tensor>, outputs: &[usize]) -> Result<Executed> {
        let began = Instant::now();
        let mut executed = self.runtime.block_on(self.shared.call(&inputs, outputs))?;
        // What was not spent on inference went into the way there and back.
        let phases = &mut executed.phases;
        let within = phases.input + phases.infer + phases.output;
        phases.input += began.elapsed().saturating_sub(within);
        Ok(executed)
    }

    fn parallel(&self) -> usize {
        1
    }

    fn runs_here(&self) -> bool {
        false
    }

    fn state(&self) -> ModelState {
        self.shared.now().0
    }

    fn memory_bytes(&self) -> Option<u64> {
        resident(self.shared.now().1?.pid()?)
    }
}
