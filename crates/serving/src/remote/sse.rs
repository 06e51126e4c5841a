//! Server-sent events, parsed as they arrive.
//!
//! As the HTML standard reads them: lines end with CR, LF or CRLF; a line that begins with
//! a colon is a comment; several `data` lines are one text with line feeds between; an empty
//! line ends the event. The borders of network chunks may lie anywhere, also within a
//! character or between CR and LF.

use cairn_kernel::{Error, Result};

/// Most bytes of one event: a provider that sends more is not sending events.
const EVENT_BYTES: usize = 16 << 20;

/// One event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SseEvent {
    /// Its `event` field; empty if it has none.
    pub event: String,
    /// Its `data` lines, joined by line feeds.
    pub data: String,
}

/// Takes bytes and gives events.
#[derive(Debug, Default)]
pub struct SseParser {
    line: Vec<u8>,
    event: SseEvent,
    has_data: bool,
    after_cr: bool,
    begun: bool,
}

impl SseParser {
    /// A parser at the beginning of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The events that `bytes` complete, in order.
    ///
    /// # Errors
    /// `Unavailable` when an event grows without end or is not UTF-8.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<Vec<SseEvent>> {
        let mut events = Vec::new();
        for &byte in bytes {
            let after_cr = std::mem::take(&mut self.after_cr);
            match byte {
                b'\n' if after_cr => {}
                b'\r' | b'\n' => {
                    self.after_cr = byte == b'\r';
                    events.extend(self.end_line()?);
                }
                _ => {
                    if self.line.len() + self.event.data.len() >= EVENT_BYTES {
                        return Err(Error::unavailable(format!(
                            "the provider sent an event of more than {EVENT_BYTES} bytes"
                        )));
                    }
                    self.line.push(byte);
                }
            }
        }
        Ok(events)
    }

    fn end_line(&mut self) -> Result<Option<SseEvent>> {
        let line = std::mem::take(&mut self.line);
        let mut line = std::str::from_utf8(&line)
            .map_err(|_| Error::unavailable("the provider sent an event that is not UTF-8"))?;
        if !std::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix('\u{feff}').unwrap_or(line);
        }
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return Ok(std::mem::take(&mut self.has_data).then_some(event));
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.event),
            "data" => {
                if std::mem::replace(&mut self.has_data, true) {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments have an empty name; ids and retry times mean nothing to a POST.
            _ => {}
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn event(event: &str, data: &str) -> SseEvent {
        SseEvent { event: event.into(), data: data.into() }
    }

    #[test]
    fn the_examples_of_the_standard() {
        let mut parser = SseParser::new();
        let text = "\u{feff}: test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\n\
                    data:  third event\n\nevent: add\ndata: a\ndata\ndata: b\n\ndata: unfinished";
        let events = parser.feed(text.as_bytes()).unwrap();
        let third = event("", " third event");
        assert_eq!(
            events,
            [event("", "first event"), event("", "second event"), third, event("add", "a\n\nb")]
        );
    }

    #[test]
    fn an_event_without_data_is_none_and_its_name_is_forgotten() {
        let mut parser = SseParser::new();
        assert_eq!(parser.feed(b"event: ping\n\ndata: x\n\n").unwrap(), [event("", "x")]);
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        assert!(SseParser::new().feed(b"data: \xff\n").is_err());
    }

    proptest! {
        /// However the bytes are cut and whatever ends the lines, the events are the same.
        #[test]
        fn borders_of_chunks_mean_nothing(
            written in prop::collection::vec(
                ("[a-z_]{0,8}", prop::collection::vec("[^\r\n]{0,12}", 1..4)), 0..6),
            end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
            cuts in prop::collection::vec(1..9_usize, 1..40),
        ) {
            let (mut text, mut expected) = (String::new(), Vec::new());
            for (name, lines) in &written {
                let data: String = lines.iter().map(|line| format!("data: {line}{end}")).collect();
                text += &format!(":{name}{end}event: {name}{end}{data}{end}");
                expected.push(event(name, &lines.join("\n")));
            }
            let (mut parser, mut found) = (SseParser::new(), Vec::new());
            let (mut rest, mut cuts) = (text.as_bytes(), cuts.into_iter().cycle());
            while !rest.is_empty() {
                let (now, later) = rest.split_at(cuts.next().unwrap().min(rest.len()));
                found.extend(parser.feed(now).unwrap());
                rest = later;
            }
            prop_assert_eq!(found, expected);
        }
    }
}
