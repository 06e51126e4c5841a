//! What a virtual machine's host takes away of its processors.

use std::fmt;

use anyhow::{Context as _, Result};

/// The processors' time since the machine began, in ticks.
#[derive(Clone, Copy)]
pub(super) struct Host {
    stolen: u64,
    all: u64,
}

/// The share of the processors' time that the host took for others, shown with a comma in front.
pub(super) struct Lost(f64);

impl Host {
    /// Reads `/proc/stat`, whose eighth figure is the time stolen; that of guests, behind it, is
    /// counted in the first ones.
    pub(super) fn read() -> Result<Self> {
        let stat = std::fs::read_to_string("/proc/stat")?;
        let line = stat.lines().next().context("/proc/stat is empty")?;
        let ticks: Vec<u64> =
            line.split_whitespace().skip(1).take(8).filter_map(|tick| tick.parse().ok()).collect();
        let stolen = *ticks.get(7).context("/proc/stat does not tell stolen time")?;
        Ok(Self { stolen, all: ticks.iter().sum() })
    }

    /// What was lost since `before`.
    pub(super) fn lost_since(self, before: Self) -> Lost {
        let all = self.all.saturating_sub(before.all).max(1);
        Lost(self.stolen.saturating_sub(before.stolen) as f64 / all as f64)
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, ", {:.1} % of the processors taken by the host", self.0 * 100.0)
    }
}
