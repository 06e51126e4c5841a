//! Idle children of one role, for request/response work.

use std::sync::Arc;
use std::time::Duration;

use cairn_kernel::{Error, Kind, Result, ResultExt};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, Semaphore};

use crate::{Child, Isolate, Payload, Spec};

/// Runs calls in up to `size` children at once, each child one call at a time.
///
/// A child that dies or passes its deadline is killed and replaced; a child is
/// also replaced after [`Pool::CALLS_PER_CHILD`] calls, so that leaks end.
#[derive(Clone, Debug)]
pub struct Pool {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    isolate: Isolate,
    spec: Spec,
    slots: Semaphore,
    idle: Mutex<Vec<(Child, u32)>>,
}

impl Pool {
    /// Calls after which a child is replaced.
    pub const CALLS_PER_CHILD: u32 = 200;

    /// A pool of at most `size` children; none is started yet.
    pub fn new(isolate: Isolate, spec: Spec, size: usize) -> Self {
        let slots = Semaphore::new(size.max(1));
        Self { inner: Arc::new(Inner { isolate, spec, slots, idle: Mutex::default() }) }
    }

    /// Sends one request to a free child and waits for the answer.
    ///
    /// # Errors
    /// `Timeout` when `deadline` passes (the child is killed), `Unavailable` when the child died.
    pub async fn call<Q, A>(
        &self,
        header: &Q,
        payload: &[u8],
        deadline: Duration,
    ) -> Result<(A, Vec<u8>)>
    where
        Q: Serialize + Sync,
        A: DeserializeOwned,
    {
        self.call_with(header, Payload::Bytes(payload), deadline).await
    }

    /// As [`Pool::call`], with a payload that need not be in memory.
    ///
    /// # Errors
    /// As [`Pool::call`]; `NotFound` when the file is not there.
    pub async fn call_with<Q, A>(
        &self,
        header: &Q,
        payload: Payload<'_>,
        deadline: Duration,
    ) -> Result<(A, Vec<u8>)>
    where
        Q: Serialize + Sync,
        A: DeserializeOwned,
    {
        let inner = &self.inner;
        let _slot = inner.slots.acquire().await.or_internal("a child pool was closed")?;
        let idle = inner.idle.lock().await.pop();
        let (mut child, calls) = match idle {
            Some((child, calls)) if child.handle().is_running() => (child, calls),
            _ => (inner.isolate.spawn(&inner.spec)?, 0),
        };
        let Ok(answer) = tokio::time::timeout(deadline, child.call_with(header, payload)).await
        else {
            child.handle().kill();
            return Err(Error::new(
                Kind::Timeout,
                format!("the work took longer than {} s and was stopped", deadline.as_secs()),
            ));
        };
        if answer.is_ok() && calls + 1 < Self::CALLS_PER_CHILD {
            inner.idle.lock().await.push((child, calls + 1));
        }
        answer
    }
}
