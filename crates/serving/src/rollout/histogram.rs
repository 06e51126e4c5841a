//! Latencies, counted in buckets that grow by a quarter.

use serde::{Deserialize, Serialize};

/// Buckets: from 0.1 ms, each a quarter wider than the one before, up to 100 s.
const BUCKETS: usize = 64;
const FIRST_MS: f64 = 0.1;
const GROWTH: f64 = 1.25;
const NS_PER_MS: f64 = 1e6;

/// Latencies in milliseconds. A percentile read from it is at most a quarter too high.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Histogram {
    counts: Vec<u64>,
    /// A whole number, so that it comes out of a file as it went in.
    sum_ns: u64,
}

impl Histogram {
    /// Counts a latency.
    pub fn add(&mut self, ms: f64) {
        let ms = if ms.is_finite() { ms.max(0.0) } else { 0.0 };
        self.counts.resize(BUCKETS, 0);
        if let Some(count) = self.counts.get_mut(bucket(ms)) {
            *count += 1;
        }
        self.sum_ns = self.sum_ns.saturating_add(nanoseconds(ms));
    }

    /// How many were counted.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Their mean; `None` without any.
    pub fn mean_ms(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| float(self.sum_ns) / NS_PER_MS / float(count))
    }

    /// The latency that a share of `quantile` is not above; `None` without any.
    pub fn quantile_ms(&self, quantile: f64) -> Option<f64> {
        let wanted = float(self.count()) * quantile;
        let mut seen = 0.0;
        self.counts.iter().enumerate().find_map(|(at, &count)| {
            seen += float(count);
            (count > 0 && seen >= wanted).then(|| upper_ms(at))
        })
    }

    /// How many were surely above `limit`: those in buckets that begin there or later.
    pub fn above(&self, limit: f64) -> u64 {
        let over = |at: usize| at > 0 && upper_ms(at - 1) >= limit;
        self.counts.iter().enumerate().filter(|(at, _)| over(*at)).map(|(_, count)| count).sum()
    }
}

fn bucket(ms: f64) -> usize {
    if ms <= FIRST_MS {
        return 0;
    }
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a small number that is above 0"
    )]
    let at = ((ms / FIRST_MS).ln() / GROWTH.ln()).ceil() as usize;
    at.min(BUCKETS - 1)
}

fn nanoseconds(ms: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "finite and not below 0; what is too large is held at the largest"
    )]
    let whole = (ms * NS_PER_MS).round() as u64;
    whole
}

/// The end of a bucket; the last one has none, so it is as long as the others.
fn upper_ms(at: usize) -> f64 {
    FIRST_MS * GROWTH.powi(i32::try_from(at).unwrap_or(i32::MAX))
}

pub(super) fn float(count: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    let wide = count as f64;
    wide
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_at_most_a_quarter_too_high() {
        let mut held = Histogram::default();
        for n in 1..=1000_u32 {
            held.add(f64::from(n) / 2.0);
        }
        for (quantile, exact) in [(0.5, 250.0), (0.99, 495.0), (1.0, 500.0)] {
            let read = held.quantile_ms(quantile).unwrap();
            assert!(read >= exact && read <= exact * 1.2501, "{quantile}: {read} for {exact}");
        }
        assert_eq!(held.count(), 1000);
        assert!((held.mean_ms().unwrap() - 250.25).abs() < 1e-9);
    }

    #[test]
    fn what_is_surely_above_a_limit_is_counted() {
        let mut held = Histogram::default();
        for ms in [1.0, 10.0, 200.0, 1e9] {
            held.add(ms);
        }
        assert_eq!(held.above(50.0), 2);
        assert_eq!(held.above(200.0), 1, "200 may be within the bucket that holds the limit");
        assert_eq!(Histogram::default().quantile_ms(0.99), None);
    }
}
