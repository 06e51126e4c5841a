//! Running independent fits side by side, with results in order.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use cairn_kernel::{Error, Result};

/// Most threads used.
const WORKERS_MAX: usize = 8;

/// Number of fits that run side by side.
pub(crate) fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS_MAX)
}

/// Runs `job` for `0..count` on up to [`workers`] threads; results come in order.
///
/// # Errors
/// The first failure, in the order of the jobs.
pub(crate) fn map<T: Send>(
    count: usize,
    job: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let slots: Vec<Mutex<Option<Result<T>>>> = (0..count).map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..workers().min(count) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(slot) = slots.get(index) else { break };
                    let result = job(index);
                    *slot.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(result);
                }
            });
        }
    });
    let taken = slots.into_iter().map(|slot| {
        let inner = slot.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
        inner.unwrap_or_else(|| Err(Error::internal("a fit ended without a result")))
    });
    taken.collect()
}
