//! The pieces of a streamed answer, out of the bytes that carry them.

use aws_smithy_eventstream::frame::{DecodedFrame, MessageFrameDecoder};
use bytes::{Bytes, BytesMut};
use cairn_kernel::{Error, Result};

use super::sse::SseParser;

/// How an answer is cut into pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// Server-sent events.
    Sse,
    /// Amazon's event streams.
    Aws,
}

impl Framing {
    /// The media type that says so.
    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Sse => "text/event-stream",
            Self::Aws => "application/vnd.amazon.eventstream",
        }
    }
}

/// One piece.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// What it is, where the framing says so apart from the content.
    pub(super) kind: String,
    /// Whether the framing says that it is a failure.
    pub(super) failed: bool,
    /// The content.
    pub(super) data: Bytes,
}

/// Takes bytes and gives pieces.
#[derive(Debug)]
pub(super) enum Frames {
    Sse(SseParser),
    Aws(MessageFrameDecoder, BytesMut),
}

impl Frames {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Sse => Self::Sse(SseParser::new()),
            Framing::Aws => Self::Aws(MessageFrameDecoder::new(), BytesMut::new()),
        }
    }

    /// The pieces that `bytes` complete.
    ///
    /// # Errors
    /// `Unavailable` for bytes that are not of this framing.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<Frame>> {
        match self {
            Self::Sse(parser) => {
                let events = parser.feed(bytes)?.into_iter();
                let frame = |event: super::sse::SseEvent| Frame {
                    kind: event.event,
                    failed: false,
                    data: event.data.into(),
                };
                Ok(events.map(frame).collect())
            }
            Self::Aws(decoder, buffer) => {
                buffer.extend_from_slice(bytes);
                let mut frames = Vec::new();
                loop {
                    let decoded = decoder.decode_frame(&mut *buffer).map_err(|cause| {
                        Error::unavailable("the provider's event stream is damaged")
                            .with_source(cause)
                    })?;
                    match decoded {
                        DecodedFrame::Complete(message) => frames.push(aws(&message)),
                        DecodedFrame::Incomplete => return Ok(frames),
                    }
                }
            }
        }
    }
}

fn aws(message: &aws_smithy_types::event_stream::Message) -> Frame {
    let header = |name: &str| {
        let found = message.headers().iter().find(|header| header.name().as_str() == name)?;
        Some(found.value().as_string().ok()?.as_str().to_owned())
    };
    let failed = header(":message-type").is_some_and(|kind| kind != "event");
    let names = [":event-type", ":exception-type", ":error-code"];
    let kind = names.iter().find_map(|name| header(name)).unwrap_or_default();
    Frame { kind, failed, data: message.payload().clone() }
}

#[cfg(test)]
pub(super) mod tests {
    use aws_smithy_eventstream::frame::write_message_to;
    use aws_smithy_types::event_stream::{Header, HeaderValue, Message};

    use super::*;

    /// A message as Bedrock writes it.
    pub(in crate::remote) fn aws_event(kind: &str, payload: &str) -> Vec<u8> {
        aws_message("event", ":event-type", kind, payload)
    }

    /// As [`aws_event`] for another type of message.
    pub(in crate::remote) fn aws_message(
        message: &str,
        name: &str,
        kind: &str,
        payload: &str,
    ) -> Vec<u8> {
        let text = |text: &str| HeaderValue::String(text.to_owned().into());
        let message = Message::new(Bytes::copy_from_slice(payload.as_bytes()))
            .add_header(Header::new(name.to_owned(), text(kind)))
            .add_header(Header::new(":content-type", text("application/json")))
            .add_header(Header::new(":message-type", text(message)));
        let mut bytes = Vec::new();
        write_message_to(&message, &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn messages_are_whole_wherever_the_bytes_are_cut() {
        let mut bytes = aws_event("messageStart", r#"{"role":"assistant"}"#);
        bytes.extend(aws_message("exception", ":exception-type", "throttlingException", "{}"));
        for size in [1, 5, 13, 100, 10_000] {
            let mut frames = Frames::new(Framing::Aws);
            let found: Vec<Frame> =
                bytes.chunks(size).flat_map(|chunk| frames.feed(chunk).unwrap()).collect();
            assert_eq!(found.len(), 2, "{size}");
            assert_eq!((found[0].kind.as_str(), found[0].failed), ("messageStart", false));
            assert_eq!((found[1].kind.as_str(), found[1].failed), ("throttlingException", true));
            assert_eq!(&found[0].data[..], br#"{"role":"assistant"}"#);
        }
    }

    #[test]
    fn a_damaged_message_is_refused() {
        let mut bytes = aws_event("messageStop", "{}");
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        assert!(Frames::new(Framing::Aws).feed(&bytes).is_err());
    }
}
