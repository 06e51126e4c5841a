//! The one visible list of background work, and how it stops.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::runtime::{Handle, RuntimeFlavor};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::{Error, Result};

/// Tells a task that a stop was asked for.
#[derive(Clone, Debug)]
pub struct Shutdown(CancellationToken);

impl Shutdown {
    /// Waits until a stop is asked for.
    pub async fn requested(&self) {
        self.0.cancelled().await;
    }

    /// Whether a stop was asked for.
    pub fn is_requested(&self) -> bool {
        self.0.is_cancelled()
    }
}

/// Does `work`, which takes milliseconds of a processor, on the thread that asks: no other one has to
/// be woken, nor this one again. The runtime's other tasks go on elsewhere; those joined with the
/// one that asks wait. In a runtime of one thread, a thread for blocking work does it.
///
/// # Errors
/// `Internal` when it panics.
pub async fn in_place<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    let lost = || Error::internal("the work on a request ended in a panic");
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => {
            let work = AssertUnwindSafe(work);
            tokio::task::block_in_place(|| catch_unwind(work)).map_err(|_| lost())
        }
        _ => tokio::task::spawn_blocking(work).await.map_err(|_| lost()),
    }
}

/// Named background tasks that end together.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
    running: Arc<Mutex<Vec<&'static str>>>,
}

impl Tasks {
    /// An empty list.
    pub fn new() -> Self {
        Self::default()
    }

    /// The signal that [`Tasks::stop`] gives.
    pub fn shutdown(&self) -> Shutdown {
        Shutdown(self.stop.clone())
    }

    /// Starts `work` under `name`; it must end soon after its [`Shutdown`] is requested.
    #[expect(clippy::disallowed_methods, reason = "this is the one place that spawns")]
    pub fn spawn<F>(&self, name: &'static str, work: F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let running = Arc::clone(&self.running);
        with(&running, |names| names.push(name));
        tokio::spawn(self.tracker.track_future(async move {
            tracing::debug!(task = name, "task started");
            work.await;
            tracing::debug!(task = name, "task ended");
            with(&running, |names| {
                if let Some(at) = names.iter().position(|other| *other == name) {
                    names.remove(at);
                }
            });
        }));
    }

    /// The names of the tasks that still run.
    pub fn running(&self) -> Vec<&'static str> {
        with(&self.running, |names| names.clone())
    }

    /// Asks every task to end and waits for at most `grace`.
    /// Returns the names of those that did not.
    pub async fn stop(&self, grace: Duration) -> Vec<&'static str> {
        self.stop.cancel();
        self.tracker.close();
        if tokio::time::timeout(grace, self.tracker.wait()).await.is_ok() {
            return Vec::new();
        }
        self.running()
    }
}

fn with<R>(
    names: &Mutex<Vec<&'static str>>,
    change: impl FnOnce(&mut Vec<&'static str>) -> R,
) -> R {
    let mut held = names.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    change(&mut held)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn stop_waits_for_the_obedient_and_names_the_stubborn() {
        let tasks = Tasks::new();
        let shutdown = tasks.shutdown();
        tasks.spawn("obedient", async move { shutdown.requested().await });
        tasks.spawn("stubborn", std::future::pending());
        assert_eq!(tasks.stop(Duration::from_millis(50)).await, vec!["stubborn"]);
    }

    async fn in_place_says() -> (Result<i32>, Result<i32>) {
        (in_place(|| 7).await, in_place(|| panic!("as asked")).await)
    }

    #[test]
    fn work_is_done_in_either_runtime_and_a_panic_is_an_error() {
        let one = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let many = tokio::runtime::Builder::new_multi_thread().build().unwrap();
        for runtime in [one, many] {
            // On a thread of the runtime, as a request is.
            #[expect(clippy::disallowed_methods, reason = "a test")]
            let said = runtime.block_on(async { tokio::spawn(in_place_says()).await.unwrap() });
            assert_eq!(said.0.unwrap(), 7);
            assert!(said.1.is_err());
        }
    }
}
