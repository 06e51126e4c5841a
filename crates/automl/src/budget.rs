//! The time a run may take, and how it is divided.

use std::time::{Duration, Instant};

/// Share of the budget after which no fit goes on; the rest is for testing, export
/// and the parity check.
const FITS: f64 = 0.85;

/// A started budget.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    start: Instant,
    seconds: f64,
}

impl Budget {
    /// Starts now.
    pub(crate) fn start(seconds: f64) -> Self {
        Self { start: Instant::now(), seconds }
    }

    pub(crate) fn seconds(&self) -> f64 {
        self.seconds
    }

    pub(crate) fn elapsed(&self) -> f64 {
        self.start.elapsed().as_secs_f64()
    }

    /// Seconds left for fits.
    pub(crate) fn left(&self) -> f64 {
        (self.seconds * FITS - self.elapsed()).max(0.0)
    }

    /// The moment after which no fit goes on.
    pub(crate) fn end(&self) -> Instant {
        self.start + Duration::from_secs_f64(self.seconds * FITS)
    }

    /// In `seconds`, but not after [`Budget::end`].
    pub(crate) fn within(&self, seconds: f64) -> Instant {
        (Instant::now() + Duration::from_secs_f64(seconds.max(0.0))).min(self.end())
    }
}
