//! The durable job engine: a queue in the record store, leases with fencing,
//! retries with backoff. It knows no concrete job.
//!
//! A job is enqueued in the transaction that makes it necessary, so neither is
//! ever without the other. A worker claims it under a lease with a *fence*, a
//! number that grows with every claim; [`Job::complete`] counts only with the
//! newest fence and inside the transaction that records the outcome. So a step
//! runs at least once and its outcome is recorded exactly once.

mod queue;
mod worker;

pub use queue::{Depth, Job, Queue};
pub use worker::{Handler, run};
