//! Ingestion through a running server against the bare embedding engine: tokens per
//! second from attaching files to a vector store until the last is searchable, and
//! of the engine alone on windows of the same texts, in one run.
//!
//! The server does everything a user's does: it parses in sandboxed children, cuts,
//! tokenises, embeds, commits to disk and writes the index.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use cairn_serving::embed::{EmbedConfig, TextTokenizer};
use cairn_serving::models::ModelStore;
use reqwest::multipart::{Form, Part};
use serde_json::{Value, json};

use crate::embed::{Bare, sample};

const KEY: &str = "a-key-of-the-ingestion-bench-only";
/// Texts of [`sample`] in one file.
const TEXTS_PER_FILE: usize = 8;

/// What was measured.
#[derive(Clone, Debug)]
pub struct Report {
    /// Files ingested.
    pub files: usize,
    /// Tokens the server embedded, as it counted them.
    pub tokens: f64,
    /// Seconds from attaching to the last file's completion.
    pub seconds: f64,
    /// Tokens per second of the server.
    pub server_tokens_per_second: f64,
    /// Tokens per second of the bare engine, at its better use of the cores.
    pub bare_tokens_per_second: f64,
    /// The first over the second.
    pub ratio: f64,
}

/// Ingests `files` files of about 1,700 tokens through the program that lies beside
/// this one (or `CAIRN_BIN`).
///
/// # Errors
/// When the program or the embedding model is missing, or a file fails.
pub fn run(files: usize) -> Result<Report> {
    let texts: Vec<String> = sample(files * TEXTS_PER_FILE);
    let config = EmbedConfig::from_store(&ModelStore::from_env()?)?;
    let bare = Bare::load(&config, &TextTokenizer::load(&config.tokenizer)?, &texts)?;
    bare.one_batch_each();
    let alone = || bare.one_batch_each().min(bare.all_cores_on_one());
    let before = alone();
    let runtime = tokio::runtime::Runtime::new()?;
    let (tokens, seconds) = runtime.block_on(through_server(&texts))?;
    let after = alone();
    let bare_rate = bare.tokens() as f64 / before.min(after).as_secs_f64();
    let rate = tokens / seconds;
    Ok(Report {
        files,
        tokens,
        seconds,
        server_tokens_per_second: rate,
        bare_tokens_per_second: bare_rate,
        ratio: rate / bare_rate,
    })
}

async fn through_server(texts: &[String]) -> Result<(f64, f64)> {
    let data = tempfile::tempdir()?;
    let server = Server::start(data.path()).await?;
    let mut ids = Vec::new();
    for (number, texts) in texts.chunks(TEXTS_PER_FILE).enumerate() {
        let part = Part::text(texts.join("\n\n")).file_name(format!("report-{number}.txt"));
        let form = Form::new().text("purpose", "assistants").part("file", part);
        let file = server.send(server.post("/v1/files").multipart(form)).await?;
        ids.push(file["id"].clone());
    }
    // The model is in memory before the clock starts, as it is in a server at work.
    let warm = json!({"model": "all-MiniLM-L6-v2", "input": "warm up"});
    server.send(server.post("/v1/embeddings").json(&warm)).await?;
    let store =
        server.send(server.post("/v1/vector_stores").json(&json!({"name": "bench"}))).await?;
    let store = store["id"].as_str().context("a store without an id")?.to_owned();
    let before = server.embedded_tokens().await?;
    let began = Instant::now();
    for ids in ids.chunks(100) {
        let path = format!("/v1/vector_stores/{store}/file_batches");
        server.send(server.post(&path).json(&json!({"file_ids": ids}))).await?;
    }
    loop {
        let path = format!("/v1/vector_stores/{store}");
        let counts = server.send(server.get(&path)).await?["file_counts"].clone();
        ensure!(counts["failed"] == 0, "files failed: {counts}");
        if counts["completed"].as_u64() == Some(ids.len() as u64) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok((server.embedded_tokens().await? - before, seconds))
}

/// A server of its own, which ends with the bench.
struct Server {
    process: Child,
    url: String,
    client: reqwest::Client,
}

impl Server {
    async fn start(data: &Path) -> Result<Self> {
        let beside = || Ok::<_, std::io::Error>(std::env::current_exe()?.with_file_name("cairn"));
        let program = std::env::var_os("CAIRN_BIN").map_or_else(beside, |path| Ok(path.into()))?;
        ensure!(program.is_file(), "{} is missing: run `make build`", program.display());
        let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
        let process = Command::new(program)
            .args(["up", "--listen", &format!("127.0.0.1:{port}"), "--data"])
            .arg(data.join("data"))
            .env("CAIRN_ADMIN_KEY", KEY)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let url = format!("http://127.0.0.1:{port}");
        let server = Self { process, url, client: reqwest::Client::new() };
        let until = Instant::now() + Duration::from_secs(30);
        while Instant::now() < until {
            let ready = server.client.get(format!("{}/readyz", server.url)).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(server);
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        bail!("the server was not ready within 30 s")
    }

    fn get(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.get(format!("{}{path}", self.url))
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.client.post(format!("{}{path}", self.url))
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Result<Value> {
        let answer = request.bearer_auth(KEY).send().await?;
        let (status, text) = (answer.status(), answer.text().await?);
        ensure!(status.is_success(), "{status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    async fn embedded_tokens(&self) -> Result<f64> {
        let text = self.get("/metrics").bearer_auth(KEY).send().await?.text().await?;
        let line = text.lines().find_map(|line| line.strip_prefix("cairn_embed_tokens_total "));
        Ok(line.map(str::parse).transpose()?.unwrap_or(0.0))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
