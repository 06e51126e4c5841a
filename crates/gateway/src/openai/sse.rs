//! Server-sent events, and reading ahead so that early failures keep their status.

use std::convert::Infallible;

use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use cairn_kernel::Result;
pub(crate) use cairn_services::responses::cut_short;
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use serde_json::Value;

/// A response of events. When the client goes away, the stream is dropped.
pub(crate) fn respond(events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let events = events.map(Ok::<_, Infallible>);
    let body = Sse::new(events).keep_alive(KeepAlive::default());
    // Proxies that buffer would turn the stream into one late answer.
    ([("x-accel-buffering", "no")], body).into_response()
}

/// An event with its type, as the responses API sends it.
pub(super) fn named(value: &Value) -> Event {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or("message");
    Event::default().event(kind).data(value.to_string())
}

/// Reads through the first item that is `enough`, or to the end; the stream begins
/// again with what was read.
///
/// # Errors
/// The first error among what was read: nothing was sent yet, so it can still be a status.
pub(crate) async fn read_ahead<T: Send + 'static>(
    mut stream: BoxStream<'static, Result<T>>,
    enough: impl Fn(&T) -> bool,
) -> Result<BoxStream<'static, Result<T>>> {
    let mut read = Vec::new();
    while let Some(item) = stream.next().await {
        let item = item?;
        let last = enough(&item);
        read.push(Ok(item));
        if last {
            break;
        }
    }
    Ok(Box::pin(stream::iter(read).chain(stream)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn reading_ahead_loses_nothing_and_finds_early_errors() -> Result<()> {
        let numbers: Vec<Result<u32>> = vec![Ok(1), Ok(2), Ok(3), Err(cut_short())];
        let read = read_ahead(Box::pin(stream::iter(numbers)), |n| *n == 2).await?;
        let all: Vec<Option<u32>> = read.map(Result::ok).collect().await;
        assert_eq!(all, [Some(1), Some(2), Some(3), None]);
        let early: Vec<Result<u32>> = vec![Ok(1), Err(cut_short()), Ok(2)];
        assert!(read_ahead(Box::pin(stream::iter(early)), |n| *n == 2).await.is_err());
        Ok(())
    }
}
