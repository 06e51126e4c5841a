//! A provider's embedding model, with prefixes, as the model of a store; the provider is a server
//! of this test.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::scene::{Caller, Scene};

const LAMP: &[u8] = b"# Lighthouse\n\nThe lamp of the tower burns oil that is brought by boat.\n";
const BREAD: &[u8] = b"# Kitchen\n\nThe bread is baked before sunrise in a stone oven.\n";

/// An embedding model that knows which words a text has. It ends when it is dropped.
struct Words {
    url: String,
    state: Arc<State>,
    _serving: JoinSet<()>,
}

struct State {
    asked: Mutex<Vec<Value>>,
    away: AtomicBool,
    /// Whether it refuses documents, and makes vectors of queries.
    of_documents: AtomicBool,
    length: AtomicUsize,
}

impl Words {
    async fn start() -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let state = Arc::new(State {
            asked: Mutex::default(),
            away: AtomicBool::new(false),
            of_documents: AtomicBool::new(false),
            length: AtomicUsize::new(64),
        });
        let (mut serving, kept) = (JoinSet::new(), Arc::clone(&state));
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let kept = Arc::clone(&kept);
                connections.spawn(async move {
                    // A client that hangs up has seen enough.
                    let _ = answer(stream, &kept).await;
                });
            }
        });
        Ok(Self { url, state, _serving: serving })
    }

    /// Whether it refuses everything from now on.
    fn be_away(&self, away: bool) {
        self.state.away.store(away, Ordering::SeqCst);
    }

    /// The same for documents alone.
    fn refuse_documents(&self, refuse: bool) {
        self.state.of_documents.store(refuse, Ordering::SeqCst);
    }

    /// The texts of all requests so far, in their order.
    fn read(&self) -> Vec<String> {
        let asked = self.state.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let inputs = asked.iter().flat_map(|body| body["input"].as_array().into_iter().flatten());
        inputs.map(|text| text.as_str().unwrap_or_default().to_owned()).collect()
    }

    fn batches(&self) -> Vec<usize> {
        let asked = self.state.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().map(|body| body["input"].as_array().map_or(0, Vec::len)).collect()
    }
}

impl State {
    fn refuses(&self, body: &Value) -> bool {
        let mut texts = body["input"].as_array().into_iter().flatten().filter_map(Value::as_str);
        self.away.load(Ordering::SeqCst)
            || self.of_documents.load(Ordering::SeqCst)
                && texts.any(|text| text.starts_with("passage: "))
    }
}

async fn answer(mut stream: TcpStream, state: &State) -> Result<()> {
    let mut bytes = Vec::new();
    let body: Value = loop {
        let mut some = [0_u8; 4096];
        let count = stream.read(&mut some).await?;
        ensure!(count > 0, "the request ended early");
        bytes.extend_from_slice(&some[..count]);
        let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let fields = String::from_utf8_lossy(&bytes[..head]).to_lowercase();
        ensure!(fields.starts_with("post /v1/embeddings "), "{fields}");
        let length = fields.lines().find_map(|line| line.strip_prefix("content-length:"));
        let length: usize = length.context("a length")?.trim().parse()?;
        if let Some(body) = bytes.get(head + 4..head + 4 + length) {
            break serde_json::from_slice(body)?;
        }
    };
    let (status, told) = if state.refuses(&body) {
        (503, json!({"error": {"message": "the model is being loaded"}}))
    } else {
        (200, embedded(&body, state.length.load(Ordering::SeqCst)))
    };
    state.asked.lock().unwrap_or_else(PoisonError::into_inner).push(body);
    let told = told.to_string();
    let length = told.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\n");
    let head = format!("{head}content-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(told.as_bytes()).await?;
    stream.shutdown().await?;
    Ok(())
}

/// Vectors that count words; each word has a place of its own as far as there are any.
fn embedded(body: &Value, length: usize) -> Value {
    let length = body["dimensions"].as_u64().map_or(length, |n| usize::try_from(n).unwrap_or(2));
    let texts: Vec<&str> =
        body["input"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    let vector = |text: &str| {
        let mut counts = HashMap::<usize, f32>::new();
        for word in text.to_lowercase().split(|c: char| !c.is_alphanumeric()) {
            let sum = word.bytes().fold(7_usize, |sum, byte| sum * 31 % 65_521 + usize::from(byte));
            *counts.entry(sum % length).or_default() += if word.len() > 3 { 1.0 } else { 0.1 };
        }
        (0..length).map(|at| counts.get(&at).copied().unwrap_or(0.001)).collect::<Vec<f32>>()
    };
    let data: Vec<Value> = texts
        .iter()
        .enumerate()
        .map(|(index, text)| json!({"index": index, "embedding": vector(text)}))
        .collect();
    let tokens: usize = texts.iter().map(|text| text.split_whitespace().count()).sum();
    json!({"object": "list", "data": data, "usage": {"prompt_tokens": tokens}})
}

/// A provider's model as a version of `e5`, with what goes beside.
async fn register(caller: &Caller, beside: &Value) -> Result<Value> {
    let mut wish = json!({"kind": "remote", "provider": "behind", "model": "e5-small",
        "embeddings": true, "query_prefix": "query: ", "document_prefix": "passage: "});
    for (key, value) in beside.as_object().into_iter().flatten() {
        wish[key] = value.clone();
    }
    caller.json(Method::POST, "/cairn/v1/models/e5/versions", &wish).await
}

async fn store(caller: &Caller, model: &str) -> Result<String> {
    let wish = json!({"name": "s", "cairn": {"embedding_model": model}});
    let made = caller.json(Method::POST, "/v1/vector_stores", &wish).await?;
    Ok(made["id"].as_str().context("a store id")?.to_owned())
}

#[tokio::test]
async fn a_version_is_what_its_prefixes_are_too() -> Result<()> {
    let words = Words::start().await?;
    let scene = Scene::before(&words.url).await?;
    let caller = scene.tenant("prefixes", "editor").await?;
    let first = register(&caller, &json!({})).await?;
    ensure!(first["version"] == 1 && first["dimensions"] == 64, "{first}");
    ensure!(first["query_prefix"] == "query: " && first["document_prefix"] == "passage: ");
    ensure!(register(&caller, &json!({})).await?["version"] == 1, "the same again");
    let other = register(&caller, &json!({"query_prefix": "ask: "})).await?;
    ensure!(other["version"] == 2, "{other}");
    let short = register(&caller, &json!({"dimensions": 16})).await?;
    ensure!(short["version"] == 3 && short["dimensions"] == 16, "{short}");
    let (_, model) = caller.get("/cairn/v1/models/e5").await?;
    ensure!(model["kind"] == "embedding", "{model}");

    // A prefix is for what makes vectors.
    let chat = json!({"kind": "remote", "provider": "behind", "model": "m", "query_prefix": "q: "});
    let path = "/cairn/v1/models/chat/versions";
    let (status, refused) = caller.try_json(Method::POST, path, &chat).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{status} {refused}");
    ensure!(refused["error"]["param"] == "query_prefix", "{refused}");
    let chat = json!({"model": "e5", "messages": [{"role": "user", "content": "Hello"}]});
    let (status, refused) = caller.try_json(Method::POST, "/v1/chat/completions", &chat).await?;
    ensure!(status.is_client_error(), "{status} {refused}");

    // Plain embeddings are of the text as it is, unless the request says what it is.
    for (of, read) in [
        (Value::Null, "a lamp"),
        (json!("query"), "query: a lamp"),
        (json!("document"), "passage: a lamp"),
    ] {
        let asked = json!({"model": "e5@1", "input": "a lamp", "input_type": of});
        let made = caller.json(Method::POST, "/v1/embeddings", &asked).await?;
        ensure!(words.read().last().is_some_and(|text| text == read), "{of}");
        ensure!(made["usage"]["prompt_tokens"] == read.split(' ').count(), "{made}");
    }
    let asked = json!({"model": "e5@1", "input": "a", "input_type": "other"});
    let (status, refused) = caller.try_json(Method::POST, "/v1/embeddings", &asked).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{status} {refused}");
    ensure!(refused["error"]["param"] == "input_type", "{refused}");
    scene.stop().await
}

#[tokio::test]
async fn a_store_is_asked_as_it_was_built() -> Result<()> {
    let words = Words::start().await?;
    let scene = Scene::before(&words.url).await?;
    let caller = scene.tenant("built", "editor").await?;
    register(&caller, &json!({})).await?;
    let store = store(&caller, "e5").await?;
    // What is deployed later changes nothing of the store.
    register(&caller, &json!({"query_prefix": "ask: ", "document_prefix": "text: "})).await?;
    let (lamp, state) = caller.ingest(&store, "lamp.md", LAMP).await?;
    ensure!(state["status"] == "completed", "{state}");
    let (_, state) = caller.ingest(&store, "bread.md", BREAD).await?;
    ensure!(state["status"] == "completed", "{state}");
    let before = words.read().len();
    let path = format!("/v1/vector_stores/{store}/search");
    let found = caller.json(Method::POST, &path, &json!({"query": "lamp oil tower"})).await?;
    ensure!(found["data"][0]["file_id"] == lamp.as_str(), "{found}");
    let read = words.read();
    ensure!(read[before..].iter().any(|text| text == "query: lamp oil tower"), "{read:?}");
    let documents: Vec<&String> = read.iter().filter(|text| text.contains("burns oil")).collect();
    ensure!(!documents.is_empty(), "{read:?}");
    ensure!(documents.iter().all(|text| text.starts_with("passage: ")), "{documents:?}");
    ensure!(words.batches().iter().all(|texts| *texts <= 32));
    // Its vectors are of no use once the model makes others.
    words.state.length.store(48, Ordering::SeqCst);
    let (status, refused) = caller.try_json(Method::POST, &path, &json!({"query": "oil"})).await?;
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status} {refused}");
    let told = refused["error"]["message"].as_str().unwrap_or_default();
    ensure!(told.contains("48") && told.contains("64"), "{told}");
    scene.stop().await
}

#[tokio::test]
async fn a_provider_that_is_away_is_waited_for() -> Result<()> {
    let words = Words::start().await?;
    let scene = Scene::before(&words.url).await?;
    let caller = scene.tenant("away", "editor").await?;
    register(&caller, &json!({})).await?;
    let store = store(&caller, "e5").await?;
    words.be_away(true);
    let (files, path) = attached(&caller, &store).await?;
    let before = words.read().len();
    for _ in 0..200 {
        if words.read().len() > before + 2 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    // A job that gives up would have done so by now: its pauses make four seconds together.
    tokio::time::sleep(Duration::from_secs(6)).await;
    let state = put_off(&caller, &path).await?;
    // It says why, as a search does, and when it is tried again.
    let why = state["cairn"]["waiting"].as_str().unwrap_or_default();
    ensure!(why.contains("provider 'behind'") && !why.contains(&words.url), "{state}");
    let wait = state["cairn"]["retry_at"].as_i64().context("a time")? - now()?;
    ensure!((-30..=300).contains(&wait), "{wait} s: {state}");
    for list in [files.clone(), format!("{files}?filter=in_progress")] {
        let (_, listed) = caller.get(&list).await?;
        let shown = &listed["data"][0]["cairn"];
        ensure!(shown["waiting"].is_string() && shown["retry_at"].is_i64(), "{listed}");
    }
    let (search, asked) = (format!("/v1/vector_stores/{store}/search"), json!({"query": "oil"}));
    let (status, refused) = caller.try_json(Method::POST, &search, &asked).await?;
    ensure!(status == StatusCode::SERVICE_UNAVAILABLE, "{status} {refused}");
    ensure!(refused["error"]["code"] == "embedding_model_unavailable", "{refused}");
    let told = refused["error"]["message"].as_str().unwrap_or_default();
    ensure!(told.contains("provider 'behind'"), "{told}");

    words.be_away(false);
    let state = ended(&caller, &path).await?;
    ensure!(state["status"] == "completed", "{state}");
    scene.stop().await
}

/// Attaches a file to a store: the paths of the store's files and of this one.
async fn attached(caller: &Caller, store: &str) -> Result<(String, String)> {
    let (status, file) = caller.try_upload("lamp.md", LAMP.to_vec()).await?;
    ensure!(status.is_success(), "{file}");
    let files = format!("/v1/vector_stores/{store}/files");
    let id = file["id"].as_str().context("a file id")?;
    caller.json(Method::POST, &files, &json!({"file_id": id})).await?;
    let path = format!("{files}/{id}");
    Ok((files, path))
}

/// Waits until a file is no longer in progress, and so waits for nothing.
async fn ended(caller: &Caller, path: &str) -> Result<Value> {
    for _ in 0..1200 {
        let (_, state) = caller.get(path).await?;
        if state["status"] != "in_progress" {
            let shown = &state["cairn"];
            ensure!(shown["waiting"].is_null() && shown["retry_at"].is_null(), "{state}");
            return Ok(state);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the file did not end within a minute of the provider's return")
}

/// Waits until a file in progress says that it waits; how it shows itself then.
async fn put_off(caller: &Caller, path: &str) -> Result<Value> {
    for _ in 0..600 {
        let (_, state) = caller.get(path).await?;
        ensure!(state["status"] == "in_progress", "{state}");
        if state["cairn"]["waiting"].is_string() {
            return Ok(state);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the file was not put off within 30 s")
}

/// Unix seconds.
fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_secs())?)
}

#[tokio::test]
async fn a_file_that_fails_after_a_wait_no_longer_waits() -> Result<()> {
    let words = Words::start().await?;
    let scene = Scene::before(&words.url).await?;
    let caller = scene.tenant("failing", "editor").await?;
    register(&caller, &json!({})).await?;
    let store = store(&caller, "e5").await?;
    words.be_away(true);
    let (_, path) = attached(&caller, &store).await?;
    put_off(&caller, &path).await?;
    // What comes back makes other vectors: no wait helps.
    words.state.length.store(48, Ordering::SeqCst);
    words.be_away(false);
    let state = ended(&caller, &path).await?;
    ensure!(state["status"] == "failed", "{state}");
    ensure!(state["last_error"]["message"].is_string(), "{state}");
    scene.stop().await
}

#[tokio::test]
async fn a_reindex_waits_for_its_provider_while_the_old_index_answers() -> Result<()> {
    let words = Words::start().await?;
    let scene = Scene::before(&words.url).await?;
    let caller = scene.tenant("moving", "editor").await?;
    register(&caller, &json!({})).await?;
    let store = caller.store("moving").await?;
    let (lamp, state) = caller.ingest(&store, "lamp.md", LAMP).await?;
    ensure!(state["status"] == "completed", "{state}");
    let (_, state) = caller.ingest(&store, "bread.md", BREAD).await?;
    ensure!(state["status"] == "completed", "{state}");
    let search = format!("/v1/vector_stores/{store}/search");
    let asked = json!({"query": "lamp oil tower"});

    // A re-index begins with one vector, which it gets; then nothing.
    words.refuse_documents(true);
    let path = format!("/cairn/v1/vector_stores/{store}/reindex");
    let wish = json!({"embedding_model": "e5"});
    let begun = caller.json(Method::POST, &path, &wish).await?;
    ensure!(begun["status"] == "in_progress", "{begun}");
    let refused = || words.read().iter().filter(|text| text.starts_with("passage: ")).count();
    for _ in 0..600 {
        if refused() > 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(refused() > 0, "the provider was not asked within 30 s");
    // What sends a request again by itself does so at once; a job that only failed would be tried
    // again within these seconds too, and one that is put off is not for fifteen.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let before = words.read().len();
    for _ in 0..4 {
        let found = caller.json(Method::POST, &search, &asked).await?;
        ensure!(found["data"][0]["file_id"] == lamp.as_str(), "{found}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    ensure!(words.read().len() == before, "it was asked again at once: {:?}", words.read());
    let (_, shown) = caller.get(&path).await?;
    ensure!(shown["status"] == "in_progress" && shown["active"]["generation"] == 1, "{shown}");
    ensure!(shown["run"]["files_done"] == 0, "{shown}");
    let why = shown["run"]["waiting"].as_str().unwrap_or_default();
    ensure!(why.contains("provider 'behind'") && shown["run"]["retry_at"].is_i64(), "{shown}");

    words.refuse_documents(false);
    for _ in 0..1200 {
        let (_, shown) = caller.get(&path).await?;
        if shown["status"] == "in_progress" {
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        }
        ensure!(shown["status"] == "completed" && shown["active"]["generation"] == 2, "{shown}");
        ensure!(shown["active"]["embedding_model"] == "e5", "{shown}");
        ensure!(shown["run"]["waiting"].is_null() && shown["run"]["retry_at"].is_null(), "{shown}");
        let found = caller.json(Method::POST, &search, &asked).await?;
        ensure!(found["data"][0]["file_id"] == lamp.as_str(), "{found}");
        let read = words.read();
        ensure!(read.iter().any(|text| text == "query: lamp oil tower"), "{read:?}");
        return scene.stop().await;
    }
    anyhow::bail!("the re-index did not end within a minute of the provider's return")
}
