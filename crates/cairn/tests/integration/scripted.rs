//! A language model that says what a test tells it to, by OpenAI's wire, and remembers what it
//! was asked.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// What makes an answer of a request.
type Says = dyn Fn(&Value) -> Said + Send + Sync;

/// What the model says to one request.
pub(crate) struct Said {
    text: String,
    /// Id, name and arguments of each call of a function.
    calls: Vec<[String; 3]>,
}

impl From<String> for Said {
    fn from(text: String) -> Self {
        Self { text, calls: Vec::new() }
    }
}

impl Said {
    /// Calls of functions: id, name and arguments of each.
    pub(crate) fn calling(calls: &[(&str, &str, &str)]) -> Self {
        let calls = calls.iter().map(|(id, name, arguments)| [id, name, arguments]);
        let calls = calls.map(|call| call.map(|text| (*text).to_owned())).collect();
        Self { text: String::new(), calls }
    }

    /// How it is sent, three characters at a time.
    fn deltas(&self) -> Vec<Value> {
        let mut deltas: Vec<Value> =
            pieces(&self.text).into_iter().map(|piece| json!({"content": piece})).collect();
        for (index, [id, name, arguments]) in self.calls.iter().enumerate() {
            let begun = json!({"index": index, "id": id, "type": "function",
                "function": {"name": name, "arguments": ""}});
            deltas.push(json!({"tool_calls": [begun]}));
            let more = pieces(arguments).into_iter().map(
                |piece| json!({"tool_calls": [{"index": index, "function": {"arguments": piece}}]}),
            );
            deltas.extend(more);
        }
        deltas
    }

    /// Why it ends.
    fn reason(&self) -> &'static str {
        if self.calls.is_empty() { "stop" } else { "tool_calls" }
    }
}

fn pieces(text: &str) -> Vec<String> {
    let characters: Vec<char> = text.chars().collect();
    characters.chunks(3).map(|piece| piece.iter().collect()).collect()
}

/// The model. It ends when it is dropped.
pub(crate) struct Scripted {
    pub(crate) url: String,
    asked: Arc<Mutex<Vec<Value>>>,
    most: watch::Sender<usize>,
    _serving: JoinSet<()>,
}

impl Scripted {
    /// Answers every chat with what `says` makes of it, three characters at a time.
    pub(crate) async fn start<S: Into<Said> + 'static>(
        says: impl Fn(&Value) -> S + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let asked: Arc<Mutex<Vec<Value>>> = Arc::default();
        let says = move |request: &Value| -> Said { says(request).into() };
        let (kept, says) = (Arc::clone(&asked), Arc::new(says) as Arc<Says>);
        let (most, allowed) = watch::channel(usize::MAX);
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (kept, says) = (Arc::clone(&kept), Arc::clone(&says));
                let allowed = allowed.clone();
                connections.spawn(async move {
                    // A client that hangs up has seen enough.
                    let _ = answer(stream, &kept, says.as_ref(), allowed).await;
                });
            }
        });
        Ok(Self { url, asked, most, _serving: serving })
    }

    /// Lets every answer say so many pieces and then wait; all of them by default.
    pub(crate) fn allow(&self, pieces: usize) {
        self.most.send_replace(pieces);
    }

    /// Waits until it was asked `times` times.
    pub(crate) async fn was_asked(&self, times: usize) -> Result<()> {
        for _ in 0..400 {
            if self.asked().len() >= times {
                return Ok(());
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        anyhow::bail!("the model was not asked {times} times within 10 s")
    }

    /// The bodies of all requests so far.
    pub(crate) fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The text of a turn of a request.
pub(crate) fn turn(request: &Value, role: &str) -> String {
    let mut turns = request["messages"].as_array().into_iter().flatten();
    let found = turns.rfind(|turn| turn["role"] == role);
    found.and_then(|turn| turn["content"].as_str()).unwrap_or_default().to_owned()
}

async fn answer(
    mut stream: TcpStream,
    asked: &Mutex<Vec<Value>>,
    says: &Says,
    mut allowed: watch::Receiver<usize>,
) -> Result<()> {
    let request = read(&mut stream).await?;
    let said = says(&request);
    asked.lock().unwrap_or_else(PoisonError::into_inner).push(request);
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    for (number, delta) in said.deltas().into_iter().enumerate() {
        allowed.wait_for(|most| number < *most).await?;
        let chunk = json!({"choices": [{"index": 0, "delta": delta}]});
        stream.write_all(format!("data: {chunk}\n\n").as_bytes()).await?;
    }
    let end = said.reason();
    let last = json!({"choices": [{"index": 0, "delta": {}, "finish_reason": end}]});
    let usage = json!({"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 7}});
    let end = format!("data: {last}\n\ndata: {usage}\n\ndata: [DONE]\n\n");
    stream.write_all(end.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

/// The body of one request.
async fn read(stream: &mut TcpStream) -> Result<Value> {
    let mut bytes = Vec::new();
    let mut some = [0_u8; 4096];
    loop {
        let head = bytes.windows(4).position(|four| four == b"\r\n\r\n");
        if let Some(head) = head {
            let fields = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
            let length = fields.lines().find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length.context("a length")?.trim().parse()?;
            if let Some(body) = bytes.get(head + 4..head + 4 + length) {
                return Ok(serde_json::from_slice(body)?);
            }
        }
        let count = stream.read(&mut some).await?;
        anyhow::ensure!(count > 0, "the request ended early");
        bytes.extend_from_slice(&some[..count]);
    }
}
