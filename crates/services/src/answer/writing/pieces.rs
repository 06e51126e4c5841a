//! What a model writes, piece by piece, as far as it may leave for the reader.

use async_stream::try_stream;
use cairn_kernel::Result;
use cairn_serving::chat::{ChatEvent, ChatStream, ChatUsage};
use cairn_serving::gguf::FinishReason;
use futures::{Stream, StreamExt};

use super::guarded::{Ended, Gate};

/// What comes of the writing.
pub(crate) enum Piece {
    /// More text.
    Text(String),
    /// The end; nothing follows.
    End(End, Ended),
    /// The system prompt came out; nothing follows.
    Leaked,
}

/// How the writing ended.
#[derive(Default)]
pub(crate) struct End {
    /// Whether it was at the token limit.
    pub(crate) cut_off: bool,
    /// Tokens of it.
    pub(crate) usage: ChatUsage,
}

/// What of the model's text leaves `outlet`, then how it ended and where markers stood. A
/// text that gives the system prompt away ends at once, and the model with it.
pub(crate) fn pieces(
    mut events: ChatStream,
    outlet: Box<dyn Gate>,
) -> impl Stream<Item = Result<Piece>> + Send {
    try_stream! {
        let mut outlet = Some(outlet);
        let mut started = false;
        let mut end = End::default();
        while let Some(event) = events.next().await {
            match event? {
                ChatEvent::Text { text, .. } => {
                    let Some(open) = &mut outlet else { continue };
                    let mut shown = open.push(&text);
                    if open.leaked() {
                        yield Piece::Leaked;
                        break;
                    }
                    if !started {
                        shown = shown.trim_start().to_owned();
                    }
                    if !shown.is_empty() {
                        started = true;
                        yield Piece::Text(shown);
                    }
                }
                ChatEvent::Finished { reason, .. } => end.cut_off = reason == FinishReason::Length,
                ChatEvent::Done(usage) => {
                    end.usage = usage;
                    let Some(mut ended) = outlet.take().map(Gate::finish) else { continue };
                    if ended.leaked {
                        yield Piece::Leaked;
                        break;
                    }
                    let rest = std::mem::take(&mut ended.rest);
                    if !rest.is_empty() {
                        yield Piece::Text(rest);
                    }
                    yield Piece::End(std::mem::take(&mut end), ended);
                }
                // No tools are offered, so none are called.
                ChatEvent::Started { .. }
                | ChatEvent::ToolCall { .. }
                | ChatEvent::ToolArguments { .. } => {}
            }
        }
    }
}
