//! How often the last bytes of what was deleted are cleared without anybody asking for it.
//!
//! For that the record store and indexes are written anew. Writers wait meanwhile, ten seconds
//! or so for each gigabyte of records: so it is done rarely where it takes long, and not for
//! each version of a document that a source replaced.

use std::time::{Duration, Instant};

use cairn_kernel::Timestamp;

/// The shortest time between two.
const HOUR: Duration = Duration::from_secs(3600);
/// The longest time between two while deletes wait for their certificates, and how long a
/// version that was replaced waits, if nothing else was deleted meanwhile.
const DAY: Duration = Duration::from_secs(86_400);
/// How many times as long as it took the time until the next one is.
const REST: u32 = 100;

/// When it was last done, and how long that took.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deep {
    ended: Instant,
    took: Duration,
}

impl Deep {
    /// At the start of the program, which is as if it had just been done.
    pub(super) fn new() -> Self {
        Self { ended: Instant::now(), took: Duration::ZERO }
    }

    /// It was done, or tried, since `began`.
    pub(super) fn done(&mut self, began: Instant) {
        self.ended = Instant::now();
        self.took = self.ended.saturating_duration_since(began);
    }

    /// Whether enough time has gone by to do it again.
    pub(super) fn has_rested(&self) -> bool {
        self.ended.elapsed() >= self.rest()
    }

    fn rest(&self) -> Duration {
        self.took.saturating_mul(REST).clamp(HOUR, DAY)
    }
}

/// Before when a version must have been replaced for its bytes to be due.
pub(super) fn replaced_before(now: Timestamp) -> Timestamp {
    now - i64::try_from(DAY.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_takes_long_is_done_rarely() {
        let rest = |seconds| {
            Deep { ended: Instant::now(), took: Duration::from_secs(seconds) }.rest().as_secs()
        };
        assert_eq!(rest(0), 3600);
        assert_eq!(rest(36), 3600);
        assert_eq!(rest(100), 10_000);
        assert_eq!(rest(864), 86_400);
        assert_eq!(rest(u64::MAX), 86_400);
    }

    #[test]
    fn it_is_not_done_at_the_start_nor_twice_in_a_row() {
        let mut deep = Deep::new();
        assert!(!deep.has_rested());
        deep.done(Instant::now());
        assert!(!deep.has_rested());
        assert_eq!(replaced_before(86_400_001), 1);
    }
}
