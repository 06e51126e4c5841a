//! The parent's side: starts a child for a run, follows it, and ends it.

use std::path::Path;
use std::time::{Duration, Instant};

use cairn_isolate::{Handle, Isolate, Receiver, Spec};
use cairn_kernel::{Error, Kind, Result};

use crate::api::{Progress, TrainReport, TrainRequest};
use crate::worker::Message;

/// The role of training children, as the program's `main` dispatches it.
pub const ROLE: &str = "train";
/// Time a run may take beyond its budget before its child is killed.
const GRACE: Duration = Duration::from_secs(120);

/// Runs trainings, each in a child of its own.
#[derive(Clone, Debug)]
pub struct Trainer {
    isolate: Isolate,
    memory_bytes: u64,
    grace: Duration,
}

/// Kills the child when the run is dropped before its end.
struct Kill(Handle);

impl Drop for Kill {
    fn drop(&mut self) {
        self.0.kill();
    }
}

impl Trainer {
    /// A trainer whose children may use `memory_bytes` of address space.
    pub fn new(isolate: Isolate, memory_bytes: u64) -> Self {
        Self { isolate, memory_bytes, grace: GRACE }
    }

    /// Sets the time a run may take beyond its budget.
    #[must_use]
    pub fn with_grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Trains as asked and returns the report; `on_progress` hears how far it is.
    /// Dropping the future ends the run.
    ///
    /// # Errors
    /// `Invalid` or `Unprocessable` when the table or target cannot be learned from,
    /// `Unavailable` when the child died (memory, most often), `Timeout` when it did
    /// not end within budget and grace.
    pub async fn train(
        &self,
        request: &TrainRequest,
        on_progress: impl FnMut(Progress),
    ) -> Result<TrainReport> {
        let start = Instant::now();
        let spec = Spec::new(ROLE)
            .memory(self.memory_bytes)
            .readable([folder(&request.table).to_owned()])
            .writable([request.output.clone()]);
        let (sender, receiver, handle) = self.isolate.spawn(&spec)?.split();
        let _kill = Kill(handle.clone());
        let limit = Duration::try_from_secs_f64(request.budget_seconds).unwrap_or_default();
        let work = async {
            if sender.send(request, &[]).await.is_err() {
                return Err(self.died(&handle).await);
            }
            self.follow(receiver, &handle, on_progress).await
        };
        let outcome = tokio::time::timeout(limit + self.grace, work).await.unwrap_or_else(|_| {
            Err(Error::new(
                Kind::Timeout,
                format!(
                    "training did not end within its budget of {} s and {} s more; train on \
                     fewer rows or give it more time",
                    request.budget_seconds,
                    self.grace.as_secs()
                ),
            ))
        });
        let result = outcome.as_ref().map_or_else(|error| error.kind().name(), |_| "ok");
        ::metrics::counter!("cairn_automl_runs_total", "result" => result).increment(1);
        ::metrics::histogram!("cairn_automl_run_seconds").record(start.elapsed().as_secs_f64());
        if let Err(error) = &outcome {
            tracing::info!(target = %request.target, error = %error.detail(), "training failed");
        }
        outcome
    }

    async fn follow(
        &self,
        mut receiver: Receiver,
        handle: &Handle,
        mut on_progress: impl FnMut(Progress),
    ) -> Result<TrainReport> {
        while let Ok(Some((message, _))) = receiver.recv::<Message>().await {
            match message {
                Message::Progress(progress) => on_progress(progress),
                Message::Done(report) => return Ok(*report),
                Message::Failed(failure) => return Err(failure.into()),
            }
        }
        Err(self.died(handle).await)
    }

    /// The error for a run that its child took with it, with the reason in words.
    async fn died(&self, handle: &Handle) -> Error {
        let error = handle.died().await;
        let status = error.detail();
        let megabytes = self.memory_bytes >> 20;
        let why = if status.contains("SIGKILL") {
            "it was killed, most likely because the machine ran out of memory".to_owned()
        } else if status.contains("SIGABRT") {
            format!("it most likely reached its memory ceiling of {megabytes} MB")
        } else {
            "it ended unexpectedly".to_owned()
        };
        Error::unavailable(format!(
            "the training process died: {why}; run it again, with fewer rows if it happens again"
        ))
        .with_code("trainer_died")
        .with_source(status)
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
