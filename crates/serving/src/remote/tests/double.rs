//! A server of the tests' own: it answers what it is told to, and keeps what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// Method and path.
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// What to answer.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// A status, headers and a body.
    Whole(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// A body of this type, a chunk of so many bytes at a time.
    Stream(&'static str, Vec<u8>, usize),
    /// The beginning of such a body; then the connection breaks.
    Cut(&'static str, Vec<u8>),
    /// Such a body over and over, until the other side hangs up.
    Endless(&'static str, Vec<u8>),
    /// Nothing for so long.
    Silence(Duration),
    /// Hangs up.
    HangUp,
}

impl Reply {
    pub(super) fn json(status: u16, body: &str) -> Self {
        Self::Whole(status, vec![("content-type", "application/json".into())], body.into())
    }

    /// Server-sent events, seven bytes at a time.
    pub(super) fn events(text: &str) -> Self {
        Self::Stream("text/event-stream; charset=utf-8", text.into(), 7)
    }
}

/// The server. It ends with the process.
pub(super) struct Double {
    pub(super) url: String,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    asked: Mutex<Vec<Asked>>,
    replies: Mutex<VecDeque<Reply>>,
    hung_up: Mutex<usize>,
}

impl Double {
    /// Answers the `replies` in turn, the last one again and again.
    pub(super) fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shared = Arc::new(Shared { replies: Mutex::new(replies.into()), ..Shared::default() });
        let theirs = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&theirs);
                std::thread::spawn(move || serve(&shared, stream.unwrap()));
            }
        });
        Self { url, shared }
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.shared.asked.lock().unwrap().clone()
    }

    /// The only thing that was asked.
    pub(super) fn only(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked[0].clone()
    }

    /// How many answers were broken off by the other side.
    pub(super) fn hung_up(&self) -> usize {
        *self.shared.hung_up.lock().unwrap()
    }
}

fn serve(shared: &Shared, mut stream: TcpStream) {
    while let Some(asked) = read(&mut stream) {
        shared.asked.lock().unwrap().push(asked);
        let reply = {
            let mut replies = shared.replies.lock().unwrap();
            if replies.len() > 1 { replies.pop_front() } else { replies.front().cloned() }
        };
        let written = match reply.unwrap() {
            Reply::Whole(status, headers, body) => whole(&mut stream, status, &headers, &body),
            Reply::Stream(kind, body, size) => streamed(&mut stream, kind, &body, size),
            Reply::Cut(kind, body) => {
                let _ = begin(&mut stream, kind).and_then(|()| chunk(&mut stream, &body));
                return;
            }
            Reply::Endless(kind, body) => {
                let mut written = begin(&mut stream, kind);
                while written.is_ok() {
                    written = chunk(&mut stream, &body);
                    std::thread::sleep(Duration::from_millis(5));
                }
                written
            }
            Reply::Silence(time) => {
                std::thread::sleep(time);
                return;
            }
            Reply::HangUp => return,
        };
        if written.is_err() {
            *shared.hung_up.lock().unwrap() += 1;
            return;
        }
    }
}

fn read(stream: &mut TcpStream) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Ok(0) | Err(_) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let line = lines.next().unwrap().trim_end_matches(" HTTP/1.1").to_owned();
    let headers: BTreeMap<String, String> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let length: usize = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
    let mut body = bytes.split_off(end + 4);
    let read = body.len();
    body.resize(length, 0);
    stream.read_exact(&mut body[read..]).ok()?;
    Some(Asked { line, headers, body })
}

fn whole(
    stream: &mut TcpStream,
    status: u16,
    headers: &[(&str, String)],
    body: &[u8],
) -> std::io::Result<()> {
    let headers: String =
        headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let length = body.len();
    write!(stream, "HTTP/1.1 {status} X\r\n{headers}content-length: {length}\r\n\r\n")?;
    stream.write_all(body)
}

fn begin(stream: &mut TcpStream, kind: &str) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    write!(stream, "HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n")
}

fn chunk(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    write!(stream, "{:x}\r\n", bytes.len())?;
    stream.write_all(bytes)?;
    stream.write_all(b"\r\n")?;
    stream.flush()
}

fn streamed(stream: &mut TcpStream, kind: &str, body: &[u8], size: usize) -> std::io::Result<()> {
    begin(stream, kind)?;
    for bytes in body.chunks(size) {
        chunk(stream, bytes)?;
    }
    stream.write_all(b"0\r\n\r\n")
}
