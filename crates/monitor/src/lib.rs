//! Logs and metrics: how they are set up, and what each metric means.
//!
//! Every layer speaks through the `tracing` and `metrics` facades; this crate is
//! the one that knows where that goes. Logs are JSON lines for programs or plain
//! lines for people, on standard error. Metrics are rendered for Prometheus.

mod compat;
mod describe;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cairn_kernel::{Result, ResultExt, Shutdown};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use tracing_subscriber::EnvFilter;

pub use compat::TensorCounts;

/// How log lines look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Sends logs to standard error. `filter` is as in `RUST_LOG`: `info,cairn=debug`.
///
/// # Errors
/// `Internal` when the filter cannot be read or logging was set up before.
pub fn init_logs(format: LogFormat, filter: &str) -> Result<()> {
    let filter = EnvFilter::try_new(filter).or_internal("reading the log filter")?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let done = match format {
        LogFormat::Text => builder.with_ansi(false).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    done.or_internal("setting up the log")
}

/// The metrics of this process.
#[derive(Clone, Debug)]
pub struct Metrics {
    handle: PrometheusHandle,
}

/// Seconds: from a fast lookup to a long answer.
const SECONDS: [f64; 16] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0,
    120.0,
];

impl Metrics {
    /// Installs the recorder; the first call in a process wins and later ones share it.
    ///
    /// # Errors
    /// `Internal` when another recorder is installed.
    pub fn install() -> Result<Self> {
        static HANDLE: Mutex<Option<PrometheusHandle>> = Mutex::new(None);
        // Held to the end: who comes second finds a recorder that is in place.
        let mut held = HANDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = &*held {
            return Ok(Self { handle: handle.clone() });
        }
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)
            .or_internal("setting histogram buckets")?
            .build_recorder();
        let handle = recorder.handle();
        metrics::set_global_recorder(recorder).or_internal("installing the metrics recorder")?;
        describe::all();
        *held = Some(handle.clone());
        Ok(Self { handle })
    }

    /// The exposition text for Prometheus.
    pub fn render(&self) -> String {
        self.handle.render()
    }

    /// The same, and after it the same figures under the names of Triton (`nv_…`, for
    /// tensor `models`) and vLLM (`vllm:…`, for language models).
    pub fn render_compatible(&self, models: &[TensorCounts]) -> String {
        let ours = self.render();
        let mut text = ours.clone();
        compat::triton(models, &mut text);
        compat::vllm(&ours, &mut text);
        text
    }

    /// Keeps histograms bounded until a stop is asked for.
    pub async fn upkeep(&self, shutdown: Shutdown) {
        loop {
            tokio::select! {
                () = shutdown.requested() => return,
                () = tokio::time::sleep(Duration::from_secs(5)) => self.handle.run_upkeep(),
            }
        }
    }
}
