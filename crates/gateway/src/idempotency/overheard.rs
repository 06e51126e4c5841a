//! A stream that is remembered: it is given on as it comes, and under a key it comes to its end though
//! its client goes away, for that client will ask again.

use axum::body::{Body, Bytes};
use cairn_kernel::{Shutdown, Tasks};
use futures::StreamExt as _;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use super::ANSWER_MAX;

/// Pieces that wait for a client that reads more slowly than they come: what is quoted in them may be
/// deleted meanwhile.
const AHEAD: usize = 1;

/// Gives `body` on piece by piece, and calls `keep` with all of it before it ends, if it came to
/// its end and is not too large. If its client goes away, it is read `to_the_end`, unless the program
/// stops, or dropped.
pub(super) fn overhear<K, F>(tasks: &Tasks, body: Body, to_the_end: bool, keep: K) -> Body
where
    K: FnOnce(Vec<u8>) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let (give, given) = mpsc::channel(AHEAD);
    let shutdown = tasks.shutdown();
    tasks.spawn("stream that may come again", async move {
        if let Some(heard) = hear(body, &give, to_the_end.then_some(&shutdown)).await {
            keep(heard).await;
        }
        // Only now the client sees the end: from here on another try gets the same.
        drop(give);
    });
    Body::from_stream(ReceiverStream::new(given))
}

type Given = Result<Bytes, axum::Error>;

/// All of `body`, once it has ended well; without its client it goes on until that is given up.
async fn hear(body: Body, give: &mpsc::Sender<Given>, until: Option<&Shutdown>) -> Option<Vec<u8>> {
    let mut pieces = body.into_data_stream();
    let mut heard = Vec::new();
    loop {
        let piece = tokio::select! {
            piece = pieces.next() => piece,
            () = unwanted(give, until) => return None,
        };
        let Some(piece) = piece else { break };
        let broken = piece.is_err();
        if let Ok(piece) = &piece
            && heard.len() <= ANSWER_MAX
        {
            heard.extend_from_slice(piece);
        }
        let gone = give.send(piece).await.is_err();
        if broken || gone && heard.len() > ANSWER_MAX {
            return None;
        }
    }
    (heard.len() <= ANSWER_MAX && !failed(&heard)).then_some(heard)
}

/// Waits until the client is gone, and `until` then.
async fn unwanted(give: &mpsc::Sender<Given>, until: Option<&Shutdown>) {
    give.closed().await;
    if let Some(stop) = until {
        stop.requested().await;
    }
}

/// Whether a stream ended with an error, which is not the answer.
fn failed(heard: &[u8]) -> bool {
    const ERROR: &[u8] = b"event: error\n";
    heard.windows(ERROR.len()).any(|some| some == ERROR)
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::*;

    /// A stream of these pieces, which waits before the last of them.
    fn stalling(pieces: &'static [&'static str]) -> (oneshot::Sender<()>, Body) {
        let (go_on, mut wait) = oneshot::channel();
        let stream = async_stream::stream! {
            for (at, piece) in pieces.iter().enumerate() {
                if at + 1 == pieces.len() {
                    let _ = (&mut wait).await;
                }
                yield Ok::<_, Infallible>(*piece);
            }
        };
        (go_on, Body::from_stream(stream))
    }

    /// It overheard, and what is kept of it.
    fn overheard(
        tasks: &Tasks,
        body: Body,
        to_the_end: bool,
    ) -> (Body, oneshot::Receiver<Vec<u8>>) {
        let (tell, kept) = oneshot::channel();
        let keep = |heard| async move {
            let _ = tell.send(heard);
        };
        (overhear(tasks, body, to_the_end, keep), kept)
    }

    async fn soon<T>(work: impl Future<Output = T>) -> T {
        tokio::time::timeout(Duration::from_secs(10), work).await.expect("within 10 s")
    }

    #[tokio::test]
    async fn what_has_come_is_given_on_while_the_rest_is_waited_for() {
        let tasks = Tasks::new();
        let (go_on, body) = stalling(&["data: a\n\n", "data: b\n\n", "data: c\n\n"]);
        let (body, mut kept) = overheard(&tasks, body, true);
        let mut given = body.into_data_stream();
        for expected in ["data: a\n\n", "data: b\n\n"] {
            let piece = soon(given.next()).await.expect("a piece").expect("bytes");
            assert_eq!(piece, expected);
        }
        assert!(kept.try_recv().is_err(), "it has not ended");
        go_on.send(()).expect("it waits");
        assert_eq!(soon(given.next()).await.expect("a piece").expect("bytes"), "data: c\n\n");
        assert!(soon(given.next()).await.is_none());
        assert_eq!(
            kept.try_recv().expect("kept before the end"),
            b"data: a\n\ndata: b\n\ndata: c\n\n"
        );
    }

    #[tokio::test]
    async fn it_goes_on_when_its_client_goes_away() {
        let tasks = Tasks::new();
        let (go_on, body) = stalling(&["data: a\n\n", "data: b\n\n"]);
        let (body, kept) = overheard(&tasks, body, true);
        let mut given = body.into_data_stream();
        assert!(soon(given.next()).await.is_some());
        drop(given);
        go_on.send(()).expect("it waits");
        assert_eq!(soon(kept).await.expect("kept"), b"data: a\n\ndata: b\n\n");
    }

    #[tokio::test]
    async fn without_a_key_it_ends_with_its_client() {
        let tasks = Tasks::new();
        let (go_on, body) = stalling(&["data: a\n\n", "data: b\n\n"]);
        let (body, kept) = overheard(&tasks, body, false);
        let mut given = body.into_data_stream();
        assert!(soon(given.next()).await.is_some());
        drop(given);
        assert!(soon(kept).await.is_err());
        assert!(go_on.send(()).is_err(), "its work is dropped");
    }

    #[tokio::test]
    async fn what_fails_is_not_kept() {
        let tasks = Tasks::new();
        let (go_on, body) = stalling(&["data: a\n\n", "event: error\ndata: {}\n\n"]);
        let (body, kept) = overheard(&tasks, body, true);
        go_on.send(()).expect("it waits");
        let bytes = soon(axum::body::to_bytes(body, 100)).await.expect("all of it");
        assert_eq!(bytes, "data: a\n\nevent: error\ndata: {}\n\n");
        assert!(soon(kept).await.is_err());
    }

    #[tokio::test]
    async fn a_stop_ends_what_no_client_waits_for() {
        let tasks = Tasks::new();
        let (_go_on, body) = stalling(&["data: a\n\n", "data: b\n\n"]);
        let (body, kept) = overheard(&tasks, body, true);
        drop(body);
        assert!(tasks.stop(Duration::from_secs(10)).await.is_empty());
        assert!(kept.await.is_err());
    }
}
