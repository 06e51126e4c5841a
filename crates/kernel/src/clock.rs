//! One source of time, so that tests can move it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch, UTC.
pub type Timestamp = i64;

/// Where the time comes from: the system, or a value a test holds.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    manual: Option<Arc<AtomicI64>>,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::default()
    }

    /// A clock that stands at `start` until [`Clock::advance`] moves it.
    pub fn manual(start: Timestamp) -> Self {
        Self { manual: Some(Arc::new(AtomicI64::new(start))) }
    }

    /// The time now, in milliseconds since the Unix epoch.
    pub fn now(&self) -> Timestamp {
        match &self.manual {
            Some(held) => held.load(Ordering::SeqCst),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |since| i64::try_from(since.as_millis()).unwrap_or(i64::MAX)),
        }
    }

    /// The time now in whole seconds, as OpenAI's `created_at` fields have it.
    pub fn now_seconds(&self) -> i64 {
        self.now() / 1000
    }

    /// Moves a manual clock on by `millis`; does nothing to the system's clock.
    pub fn advance(&self, millis: i64) {
        if let Some(held) = &self.manual {
            held.fetch_add(millis, Ordering::SeqCst);
        }
    }
}
