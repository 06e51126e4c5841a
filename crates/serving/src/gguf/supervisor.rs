//! Keeps a child with the model loaded, for as long as somebody holds the handle.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cairn_isolate::{Isolate, Receiver, Sender, Spec};
use cairn_kernel::{Error, Kind, Result, Shutdown};
use tokio::sync::{mpsc, oneshot};

use super::CHILD_ROLE;
use super::handle::State;
use super::link::{Shared, hold};
use super::memory;
use super::protocol::{Command, Load, Loaded, Reply};

const BACKOFF_FIRST: Duration = Duration::from_millis(200);
const BACKOFF_LAST: Duration = Duration::from_secs(10);
/// How often a thread looks whether the others have come to a barrier before it sleeps: some ten
/// microseconds. OpenMP's default is a hundred times that. As soon as something else wants the
/// cores, threads that spin keep their own partners from running; those that sleep at once take
/// a third longer for each token on an idle machine.
const SPINS: &str = "3000";
/// A child that has lived this long, or has brought an answer to its end, was no failed start.
const SETTLED: Duration = Duration::from_secs(10);
/// How long answers may go on after the program was asked to stop.
const DRAIN: Duration = Duration::from_secs(8);

/// Who waits for the first load.
pub(super) type First = oneshot::Sender<Result<Loaded>>;

/// Starts the child and starts it again whenever it ends, until a stop is asked for.
pub(super) async fn supervise(
    shared: Arc<Shared>,
    isolate: Isolate,
    shutdown: Shutdown,
    first: First,
) {
    tokio::select! {
        () = shared.stop.cancelled() => {}
        () = drained(&shared, &shutdown) => {}
        () = keep_running(&shared, &isolate, first) => {}
    }
    let child = hold(&shared.child).take();
    if let Some(child) = child {
        child.kill();
        child.ended().await;
    }
    shared.state.send_replace(State::Stopped);
    shared.disconnect();
    tracing::info!(model = shared.config.name, "language model stopped");
}

/// Waits for the program's stop, and then for the running answers.
async fn drained(shared: &Shared, shutdown: &Shutdown) {
    shutdown.requested().await;
    quiet(shared).await;
}

/// Waits for the running answers, but not for ever.
pub(super) async fn quiet(shared: &Shared) {
    let until = Instant::now() + DRAIN;
    while !shared.is_quiet() && Instant::now() < until {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Returns only when the first load fails.
async fn keep_running(shared: &Shared, isolate: &Isolate, first: First) {
    let mut first = Some(first);
    let mut backoff = BACKOFF_FIRST;
    loop {
        let (began, answered) = (Instant::now(), shared.answered());
        let Err(error) = run_once(shared, isolate, &mut first).await;
        let reason = error.detail();
        shared.state.send_replace(State::Restarting { reason: reason.clone() });
        shared.disconnect();
        if let Some(first) = first.take() {
            let _ = first.send(Err(error));
            return;
        }
        if began.elapsed() > SETTLED || shared.answered() > answered {
            backoff = BACKOFF_FIRST;
        }
        let model = &shared.config.name;
        tracing::warn!(model, reason, wait = ?backoff, "language model ended; starting it again");
        metrics::counter!("cairn_llm_restarts_total", "model" => model.clone()).increment(1);
        tokio::time::sleep(backoff).await;
        backoff = (backoff * 2).min(BACKOFF_LAST);
    }
}

/// Runs one child from start to end; how it ended is the error.
async fn run_once(
    shared: &Shared,
    isolate: &Isolate,
    first: &mut Option<First>,
) -> Result<std::convert::Infallible> {
    let config = &shared.config;
    let spec = Spec::new(CHILD_ROLE)
        .environment("GOMP_SPINCOUNT", SPINS)
        .readable(std::iter::once(config.path.clone()).chain(config.adapter.clone()));
    let (sender, mut receiver, handle) = isolate.spawn(&spec)?.split();
    *hold(&shared.child) = Some(handle.clone());
    let load = Command::Load(Load {
        path: config.path.clone(),
        adapter: config.adapter.clone(),
        context_tokens: config.context_tokens,
        slots: config.slots,
        threads: config.threads,
        spill_bytes: memory::spill_bytes(memory::available_bytes()),
        pooling: shared.pooling,
    });
    sender.send(&load, &[]).await?;
    let loaded = match receiver.recv().await? {
        Some((Reply::Loaded(loaded), _)) => loaded,
        Some((Reply::LoadFailed { message }, _)) => {
            return Err(Error::new(
                Kind::Unprocessable,
                format!("the model file '{}' cannot be loaded: {message}", config.path.display()),
            )
            .with_code("invalid_model_file"));
        }
        Some((Reply::Events(_), _)) => {
            return Err(Error::internal("the engine spoke before the model was loaded"));
        }
        None => {
            let status = handle.ended().await;
            // Not the file's doing: somebody, or a system short of memory, ended it.
            if status.contains("SIGKILL") {
                return Err(Error::unavailable(format!(
                    "the engine was ended from outside while it loaded the model '{}'; send the \
                     request again",
                    config.name
                ))
                .with_code("engine_restarting")
                .with_source(status));
            }
            return Err(Error::new(
                Kind::Unprocessable,
                format!("the engine ended while it loaded '{}'", config.path.display()),
            )
            .with_source(status));
        }
    };
    tracing::info!(
        model = config.name,
        pid = handle.pid(),
        architecture = loaded.architecture,
        slots = loaded.slots,
        context_tokens = loaded.context_tokens,
        memory_mb = loaded.memory_bytes >> 20,
        milliseconds = loaded.load_ms,
        "language model ready"
    );
    let (outbox, commands) = mpsc::unbounded_channel();
    shared.connect(outbox);
    if let Some(first) = first.take() {
        let _ = first.send(Ok(*loaded));
    }
    let broken = tokio::select! {
        broken = write(commands, &sender) => broken,
        broken = read(shared, &mut receiver) => broken,
    };
    match broken {
        Some(error) => Err(error),
        None => Err(handle.died().await),
    }
}

async fn write(mut commands: mpsc::UnboundedReceiver<Command>, sender: &Sender) -> Option<Error> {
    while let Some(command) = commands.recv().await {
        if sender.send(&command, &[]).await.is_err() {
            break;
        }
    }
    None
}

async fn read(shared: &Shared, receiver: &mut Receiver) -> Option<Error> {
    loop {
        match receiver.recv().await {
            Ok(Some((Reply::Events(events), _))) => {
                events.into_iter().for_each(|event| shared.route(event));
            }
            Ok(Some(_)) => {
                return Some(Error::internal("the engine answered out of turn"));
            }
            // A frame cut short is a death, too.
            Ok(None) | Err(_) => return None,
        }
    }
}
