//! IMAP's responses (RFC 3501): read whole, with bounds, before anything is made of them.

use cairn_kernel::{Error, Kind, Result};
use tokio::io::{AsyncBufRead, AsyncBufReadExt as _, AsyncReadExt as _};

/// Most bytes of a line; the list of half a million messages fits.
const LINE_BYTES_MAX: u64 = 8 << 20;
/// Most literals of a response, and deepest list.
const LITERALS_MAX: usize = 100;
const DEPTH_MAX: u32 = 20;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// An atom, a quoted string or a literal.
    Text(Vec<u8>),
    Nil,
    List(Vec<Node>),
}

impl Node {
    /// The text, if it is one.
    pub(super) fn text(&self) -> Option<&[u8]> {
        match self {
            Self::Text(text) => Some(text),
            Self::Nil | Self::List(_) => None,
        }
    }

    /// Whether it is this word, in whatever case.
    pub(super) fn is(&self, word: &str) -> bool {
        self.text().is_some_and(|text| text.eq_ignore_ascii_case(word.as_bytes()))
    }

    /// The number, if it is one.
    pub(super) fn number(&self) -> Option<u32> {
        std::str::from_utf8(self.text()?).ok()?.parse().ok()
    }
}

/// How a command, or the connection, fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    No,
    Bad,
    Bye,
    PreAuth,
}

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// `+`: the server waits for more of the command.
    Continue,
    /// What became of the command with this tag, and the server's words.
    Done { tag: String, status: Status, said: String },
    /// News of the connection.
    News { status: Status, said: String },
    /// Data.
    Data(Vec<Node>),
}

/// A response before it is parsed: `{n}` in the text stands for the next literal.
#[derive(Debug, Default)]
struct Raw {
    text: Vec<u8>,
    literals: Vec<Vec<u8>>,
}

/// Reads the next response; no literal may be longer than `limit` bytes.
///
/// # Errors
/// `TooLarge` for a longer one, `Unavailable` when the connection ends or what comes is no
/// IMAP. Nothing more can be read after that.
pub(super) async fn read(from: &mut (impl AsyncBufRead + Unpin), limit: u64) -> Result<Response> {
    let mut raw = Raw::default();
    loop {
        let line = line(from).await?;
        raw.text.extend_from_slice(&line);
        if let Some(response) = spoken(&raw.text) {
            return Ok(response);
        }
        let Some(size) = literal_size(&line) else { break };
        if size > limit {
            return Err(Error::new(Kind::TooLarge, "the message is larger than its limit"));
        }
        if raw.literals.len() >= LITERALS_MAX {
            return Err(garbled());
        }
        let mut literal = Vec::new();
        let read = (&mut *from).take(size).read_to_end(&mut literal).await.map_err(broken)?;
        if u64::try_from(read).unwrap_or(u64::MAX) < size {
            return Err(ended());
        }
        raw.literals.push(literal);
    }
    let body = raw.text.strip_prefix(b"* ").ok_or_else(garbled)?;
    let mut parser = Parser { rest: body, literals: raw.literals.into_iter() };
    let nodes = parser.list(0).ok_or_else(garbled)?;
    if parser.rest.is_empty() { Ok(Response::Data(nodes)) } else { Err(garbled()) }
}

/// A line without its end.
async fn line(from: &mut (impl AsyncBufRead + Unpin)) -> Result<Vec<u8>> {
    let mut line = Vec::new();
    (&mut *from).take(LINE_BYTES_MAX).read_until(b'\n', &mut line).await.map_err(broken)?;
    if line.is_empty() {
        return Err(ended());
    }
    if line.pop() != Some(b'\n') {
        return Err(garbled());
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(line)
}

fn broken(cause: std::io::Error) -> Error {
    Error::unavailable("the connection to the mail server broke").with_source(cause)
}

fn ended() -> Error {
    Error::unavailable("the mail server ended the connection")
}

fn garbled() -> Error {
    Error::unavailable("the mail server's answer is no IMAP; check 'host' and 'port'")
}

/// The size of the literal that follows a line ending in `{n}`.
fn literal_size(line: &[u8]) -> Option<u64> {
    let inner = line.strip_suffix(b"}")?;
    let start = inner.iter().rposition(|byte| *byte == b'{')?;
    let digits = inner.get(start + 1..)?;
    let digits = digits.strip_suffix(b"+").unwrap_or(digits);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // What does not fit is beyond every limit.
    Some(std::str::from_utf8(digits).ok()?.parse().unwrap_or(u64::MAX))
}

/// What is written for people: no values, and no literals, are in it.
fn spoken(line: &[u8]) -> Option<Response> {
    if line.first() == Some(&b'+') {
        return Some(Response::Continue);
    }
    let text = String::from_utf8_lossy(line);
    let (tag, rest) = text.split_once(' ')?;
    let (word, said) = rest.split_once(' ').unwrap_or((rest, ""));
    let status = match word.to_ascii_uppercase().as_str() {
        "OK" => Status::Ok,
        "NO" => Status::No,
        "BAD" => Status::Bad,
        "BYE" => Status::Bye,
        "PREAUTH" => Status::PreAuth,
        _ => return None,
    };
    let said = said.to_owned();
    Some(match tag {
        "*" => Response::News { status, said },
        _ => Response::Done { tag: tag.to_owned(), status, said },
    })
}

struct Parser<'a> {
    rest: &'a [u8],
    literals: std::vec::IntoIter<Vec<u8>>,
}

impl Parser<'_> {
    /// Values up to the end of the list or of the text.
    fn list(&mut self, depth: u32) -> Option<Vec<Node>> {
        let mut nodes = Vec::new();
        if depth > DEPTH_MAX {
            return None;
        }
        loop {
            match self.rest {
                [b' ', rest @ ..] => self.rest = rest,
                [] | [b')', ..] => return Some(nodes),
                [b'(', rest @ ..] => {
                    self.rest = rest;
                    nodes.push(Node::List(self.list(depth + 1)?));
                    self.rest = self.rest.strip_prefix(b")")?;
                }
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    nodes.push(Node::Text(self.quoted()?));
                }
                [b'{', ..] => {
                    let end = self.rest.iter().position(|byte| *byte == b'}')?;
                    self.rest = self.rest.get(end + 1..)?;
                    nodes.push(Node::Text(self.literals.next()?));
                }
                _ => nodes.push(self.atom()?),
            }
        }
    }

    fn quoted(&mut self) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        loop {
            let (byte, rest) = match self.rest {
                [b'"', rest @ ..] => {
                    self.rest = rest;
                    return Some(text);
                }
                [b'\\', byte, rest @ ..] | [byte, rest @ ..] => (*byte, rest),
                [] => return None,
            };
            text.push(byte);
            self.rest = rest;
        }
    }

    /// An atom; between `[` and `]` it may have spaces and parentheses.
    fn atom(&mut self) -> Option<Node> {
        let mut within = false;
        let end = self.rest.iter().position(|byte| {
            match byte {
                b'[' => within = true,
                b']' => within = false,
                _ => {}
            }
            !within && matches!(byte, b' ' | b'(' | b')' | b'"' | b'{')
        });
        let (atom, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        if atom.is_empty() {
            return None;
        }
        self.rest = rest;
        let nil = atom.eq_ignore_ascii_case(b"NIL");
        Some(if nil { Node::Nil } else { Node::Text(atom.to_vec()) })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    async fn of(text: &str) -> Result<Response> {
        read(&mut text.as_bytes(), 1000).await
    }

    fn text(text: &str) -> Node {
        Node::Text(text.into())
    }

    #[tokio::test]
    async fn values_and_literals_are_read() {
        let response =
            of("* 12 FETCH (FLAGS (\\Seen $x) UID 7 BODY[HEADER.FIELDS (SUBJECT FROM)] {6}\r\n\
             a)\r\n{1 \"q\\\"\\\\ (\" NIL BODY[]<0> {0}\r\n)\r\n* next");
        let Response::Data(nodes) = response.await.unwrap() else { panic!("data") };
        let [number, word, Node::List(values)] = &nodes[..] else { panic!("{nodes:?}") };
        assert!(number.number() == Some(12) && word.is("fetch"));
        assert_eq!(values[1], Node::List(vec![text("\\Seen"), text("$x")]));
        assert_eq!(values[4..6], [text("BODY[HEADER.FIELDS (SUBJECT FROM)]"), text("a)\r\n{1")]);
        assert_eq!(values[6..], [text("q\"\\ ("), Node::Nil, text("BODY[]<0>"), text("")]);
    }

    #[tokio::test]
    async fn what_is_for_people_is_not_parsed() {
        let done = of("a1 NO [ALERT] Say \"{5}\r\n").await.unwrap();
        let said = "[ALERT] Say \"{5}".to_owned();
        assert_eq!(done, Response::Done { tag: "a1".to_owned(), status: Status::No, said });
        let news = of("* bye\n").await.unwrap();
        assert_eq!(news, Response::News { status: Status::Bye, said: String::new() });
        assert_eq!(of("+\r\n").await.unwrap(), Response::Continue);
        assert_eq!(of("* SEARCH\r\n").await.unwrap(), Response::Data(vec![text("SEARCH")]));
    }

    #[tokio::test]
    async fn bounds_hold_and_what_breaks_off_is_no_answer() {
        let kind = async |text: &str| of(text).await.unwrap_err().kind();
        assert_eq!(kind("* 1 FETCH (BODY[] {1001}\r\n").await, Kind::TooLarge);
        assert_eq!(kind("* 1 FETCH (BODY[] {99999999999999999999}\r\n").await, Kind::TooLarge);
        for half in ["", "* SEARCH 1", "* 1 FETCH (X {5}\r\nab", "* 1 FETCH (X\r\n", "HTTP/1.1\r\n"]
        {
            assert_eq!(kind(half).await, Kind::Unavailable, "{half}");
        }
        let deep = format!("* {}{}\r\n", "(".repeat(100), ")".repeat(100));
        assert_eq!(kind(&deep).await, Kind::Unavailable);
    }

    proptest! {
        #[test]
        fn no_answer_ends_the_program(text in "(?s)\\* [()\"{}\\[\\]a1 \r\n]{0,60}") {
            let reading = of(&text);
            let _ = futures::executor::block_on(reading);
        }
    }
}
