//! Ingestion through a running server against the bare embedding engine: tokens per
//! second from attaching files to a vector store until the last is searchable, and
//! of the engine alone on the same windows of the same chunks, in one run.
//!
//! The server does everything a user's does: it parses in sandboxed children, cuts,
//! tokenises, embeds, commits to disk and writes the index.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use cairn_documents::Strategy;
use cairn_serving::embed::{EmbedConfig, TextTokenizer};
use cairn_serving::models::ModelStore;
use reqwest::multipart::{Form, Part};
use serde_json::json;

use crate::embed::{Bare, sample};
use crate::server::Server;

/// How often the server and the bare engine are measured in turns.
const ROUNDS: usize = 5;
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
    /// That of each round, ascending; the other figures are those of the middle one.
    pub ratios: Vec<f64>,
    /// Tokens per second of rten with the model's file as it is, at its better use of the cores.
    pub rten_tokens_per_second: f64,
}

/// Ingests `files` files of about 2,500 tokens through the program that lies beside
/// this one (or `CAIRN_BIN`).
///
/// # Errors
/// When the program or the embedding model is missing, or a file fails.
pub fn run(files: usize) -> Result<Report> {
    let texts: Vec<String> = sample(files * TEXTS_PER_FILE);
    let config = EmbedConfig::from_store(&ModelStore::from_env()?)?;
    let tokenizer = TextTokenizer::load(&config.tokenizer)?;
    let chunks = chunks(&texts, &tokenizer)?;
    let bare = Bare::load(&config, &tokenizer, &chunks)?;
    let few = chunks.get(..chunks.len() / 5).unwrap_or(&chunks);
    let rten = Bare::rten(&config, &tokenizer, few)?;
    bare.one_batch_each();
    let each = bare.one_batch_each() <= bare.all_cores_on_one();
    let alone = |bare: &Bare| match each {
        true => bare.one_batch_each(),
        false => bare.all_cores_on_one(),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let mut rounds = Vec::new();
    let mut before = alone(&bare);
    for _ in 0..ROUNDS {
        let (tokens, seconds) = runtime.block_on(through_server(&texts))?;
        let after = alone(&bare);
        ensure!(
            (tokens - bare.tokens() as f64).abs() < 0.01 * tokens,
            "the server embeds {tokens} tokens, the bare engine {}",
            bare.tokens()
        );
        // The machine's speed varies: what counts is how fast it was just before and after.
        let bare_rate = 2.0 * bare.tokens() as f64 / (before + after).as_secs_f64();
        rounds.push((tokens / seconds / bare_rate, tokens, seconds, bare_rate));
        before = after;
    }
    rounds.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ratios = rounds.iter().map(|round| round.0).collect();
    let (ratio, tokens, seconds, bare_rate) = rounds[ROUNDS / 2];
    let general = rten.one_batch_each().min(rten.all_cores_on_one());
    Ok(Report {
        files,
        tokens,
        seconds,
        server_tokens_per_second: tokens / seconds,
        bare_tokens_per_second: bare_rate,
        ratio,
        ratios,
        rten_tokens_per_second: rten.tokens() as f64 / general.as_secs_f64(),
    })
}

/// What a server embeds of these texts: the chunks of each file, in which it shares tokens with the
/// one before it.
fn chunks(texts: &[String], tokenizer: &TextTokenizer) -> Result<Vec<String>> {
    let mut chunks = Vec::new();
    for text in texts.chunks(TEXTS_PER_FILE) {
        let text = text.join("\n\n");
        let document = cairn_documents::parse("report.txt", text.as_bytes())?;
        let tokens = tokenizer.offsets(&document.text)?;
        let counted = |_: &str| tokens.clone();
        let cut = cairn_documents::cut(&document, &Strategy::default(), &counted);
        chunks.extend(cut.pieces.into_iter().map(|piece| piece.chunk.text));
    }
    Ok(chunks)
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
    let before = embedded_tokens(&server).await?;
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
    Ok((embedded_tokens(&server).await? - before, seconds))
}

async fn embedded_tokens(server: &Server) -> Result<f64> {
    let text = server.text(server.get("/metrics")).await?;
    let line = text.lines().find_map(|line| line.strip_prefix("cairn_embed_tokens_total "));
    Ok(line.map(str::parse).transpose()?.unwrap_or(0.0))
}
