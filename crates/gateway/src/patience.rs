//! How long a request is waited for: its deadline begins anew while its body comes.
//!
//! A large file over a slow line takes longer than any answer may. So the deadline counts from the
//! last whole mebibyte that came; a client that sends less than one within it is not waited for,
//! and can hold a place no longer than one that sends nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::body::Body;
use http_body_util::BodyExt;
use tokio::time::Instant;

/// Bytes of a body that begin the deadline anew.
const STRETCH: u64 = 1 << 20;

/// The wait for one request.
pub(crate) struct Patience {
    begun: Instant,
    /// When the last stretch of the body came, in milliseconds after the beginning.
    latest: Arc<AtomicU64>,
}

impl Patience {
    /// The wait for a request with this body, and the body that it is to be read from.
    pub(crate) fn with(body: Body) -> (Self, Body) {
        let patience = Self { begun: Instant::now(), latest: Arc::default() };
        let (begun, latest) = (patience.begun, Arc::clone(&patience.latest));
        let (mut came, mut next) = (0_u64, STRETCH);
        let watched = body.map_frame(move |frame| {
            came += frame.data_ref().map_or(0, |data| data.len() as u64);
            if came >= next {
                next = came + STRETCH;
                let passed = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
                latest.store(passed, Ordering::Relaxed);
            }
            frame
        });
        (patience, Body::new(watched))
    }

    /// What `work` comes to; nothing if `deadline` has passed since the last stretch of the body.
    pub(crate) async fn wait<T>(
        &self,
        deadline: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        let mut work = std::pin::pin!(work);
        loop {
            let until = self.latest() + deadline;
            match tokio::time::timeout_at(until, &mut work).await {
                Ok(done) => return Some(done),
                Err(_) if self.latest() + deadline > until => {}
                Err(_) => return None,
            }
        }
    }

    fn latest(&self) -> Instant {
        self.begun + Duration::from_millis(self.latest.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use futures::StreamExt;

    use super::*;

    /// The bytes that are read within 300 ms of a body of eight pieces, one each 100 ms.
    async fn read(piece: usize) -> Option<usize> {
        let pieces = futures::stream::iter(0..8).then(move |_| async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            Ok::<_, std::io::Error>(Bytes::from(vec![b'x'; piece]))
        });
        let (patience, body) = Patience::with(Body::from_stream(pieces));
        let all = async {
            let all = axum::body::to_bytes(body, usize::MAX).await;
            all.map_or(0, |all| all.len())
        };
        patience.wait(Duration::from_millis(300), all).await
    }

    #[tokio::test]
    async fn a_body_that_comes_slowly_is_waited_for_and_one_that_drips_is_not() {
        let mebibyte = 1 << 20;
        assert_eq!(read(mebibyte).await, Some(8 * mebibyte));
        assert_eq!(read(mebibyte / 100).await, None);
    }

    #[tokio::test]
    async fn an_answer_has_the_whole_deadline_after_the_body_and_no_more() {
        let answered = |after: u64| async move {
            let (patience, body) = Patience::with(Body::from(vec![b'x'; 2 << 20]));
            let work = async {
                tokio::time::sleep(Duration::from_millis(200)).await;
                let read = axum::body::to_bytes(body, usize::MAX).await.is_ok();
                tokio::time::sleep(Duration::from_millis(after)).await;
                read
            };
            patience.wait(Duration::from_millis(400), work).await
        };
        assert_eq!(answered(300).await, Some(true));
        assert_eq!(answered(600).await, None);
    }
}
