//! What a tensor model has done since it was loaded, as monitoring asks for it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How often something happened and how long it took in all.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timing {
    /// How often.
    pub count: u64,
    /// Nanoseconds in all.
    pub ns: u64,
}

impl Timing {
    fn add(&mut self, count: u64, time: Duration) {
        self.count += count;
        self.ns = self.ns.saturating_add(nanoseconds(time));
    }
}

/// The three parts of one execution of the engine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Phases {
    /// Stacking rows and turning them into the engine's values.
    pub input: Duration,
    /// The engine itself.
    pub infer: Duration,
    /// Turning the engine's values into tensors and taking them apart.
    pub output: Duration,
}

/// The executions of one batch size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchStatistics {
    /// Rows in the batch.
    pub rows: u64,
    /// Preparing its inputs.
    pub compute_input: Timing,
    /// Running it.
    pub compute_infer: Timing,
    /// Giving its outputs out.
    pub compute_output: Timing,
}

/// A snapshot. Executions are counted once for all requests in a batch; `queue` and
/// the three `compute` timings count requests, as the Open Inference Protocol's
/// statistics do: each request is charged the whole time of the batch it was in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelStatistics {
    /// When a request was last answered, in milliseconds since 1970; 0 for never.
    pub last_inference_ms: u64,
    /// Rows inferred.
    pub inference_count: u64,
    /// Executions of the engine.
    pub execution_count: u64,
    /// Requests answered, from arrival to answer.
    pub success: Timing,
    /// Requests that failed, from arrival to failure.
    pub fail: Timing,
    /// Waiting for the engine.
    pub queue: Timing,
    /// Preparing inputs.
    pub compute_input: Timing,
    /// Running.
    pub compute_infer: Timing,
    /// Giving outputs out.
    pub compute_output: Timing,
    /// Executions by number of rows, smallest first.
    pub batches: Vec<BatchStatistics>,
}

/// Collects [`ModelStatistics`]; every engine behind the seam may hold one.
#[derive(Debug, Default)]
pub struct StatisticsRecorder {
    inner: Mutex<Collected>,
}

#[derive(Debug, Default)]
struct Collected {
    totals: ModelStatistics,
    batches: BTreeMap<u64, BatchStatistics>,
}

impl StatisticsRecorder {
    /// One execution of the engine for `requests` requests with `rows` rows in all.
    pub fn executed(&self, requests: usize, rows: usize, phases: &Phases) {
        let (requests, rows) = (requests as u64, rows as u64);
        self.with(|collected| {
            let totals = &mut collected.totals;
            totals.execution_count += 1;
            totals.inference_count += rows;
            for (timing, time) in [
                (&mut totals.compute_input, phases.input),
                (&mut totals.compute_infer, phases.infer),
                (&mut totals.compute_output, phases.output),
            ] {
                let share = time.saturating_mul(u32::try_from(requests).unwrap_or(u32::MAX));
                timing.add(requests, share);
            }
            let batch = collected.batches.entry(rows).or_default();
            batch.rows = rows;
            batch.compute_input.add(1, phases.input);
            batch.compute_infer.add(1, phases.infer);
            batch.compute_output.add(1, phases.output);
        });
    }

    /// One request waited `time` for the engine.
    pub fn queued(&self, time: Duration) {
        self.with(|collected| collected.totals.queue.add(1, time));
    }

    /// One request ended after `time`, counted from its arrival.
    pub fn ended(&self, ok: bool, time: Duration) {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.with(|collected| {
            let totals = &mut collected.totals;
            if ok {
                totals.success.add(1, time);
                totals.last_inference_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
            } else {
                totals.fail.add(1, time);
            }
        });
    }

    /// What was collected so far.
    pub fn snapshot(&self) -> ModelStatistics {
        self.with(|collected| ModelStatistics {
            batches: collected.batches.values().copied().collect(),
            ..collected.totals.clone()
        })
    }

    fn with<R>(&self, act: impl FnOnce(&mut Collected) -> R) -> R {
        act(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_one_execution_and_is_charged_to_each_of_its_requests() {
        let recorder = StatisticsRecorder::default();
        let ms = Duration::from_millis;
        let phases = Phases { input: ms(1), infer: ms(10), output: ms(2) };
        recorder.executed(3, 5, &phases);
        recorder.executed(1, 1, &phases);
        for _ in 0..3 {
            recorder.queued(ms(4));
            recorder.ended(true, ms(20));
        }
        recorder.ended(false, ms(7));
        let seen = recorder.snapshot();
        assert_eq!((seen.inference_count, seen.execution_count), (6, 2));
        assert_eq!(seen.compute_infer, Timing { count: 4, ns: 40_000_000 });
        assert_eq!(seen.queue, Timing { count: 3, ns: 12_000_000 });
        assert_eq!(seen.success, Timing { count: 3, ns: 60_000_000 });
        assert_eq!(seen.fail, Timing { count: 1, ns: 7_000_000 });
        assert!(seen.last_inference_ms > 0);
        let sizes: Vec<_> = seen.batches.iter().map(|b| (b.rows, b.compute_infer)).collect();
        let once = Timing { count: 1, ns: 10_000_000 };
        assert_eq!(sizes, [(1, once), (5, once)]);
    }
}
