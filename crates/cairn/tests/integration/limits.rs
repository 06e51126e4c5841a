//! Files over the limit by every way in, retries of large ones, and the memory they take.

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures::stream;
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Client, Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene, read};
use crate::sources::settled;

/// What the scene allows.
const LIMIT: usize = 2 << 20;

/// Text of so many bytes, of which no two pieces are alike.
fn text(bytes: usize) -> Vec<u8> {
    (0_u64..).flat_map(|line| format!("line {line} of a file\n").into_bytes()).take(bytes).collect()
}

fn form(name: &'static str, bytes: Vec<u8>) -> Form {
    let part = Part::bytes(bytes).file_name(name);
    Form::new().text("purpose", "assistants").part("file", part)
}

/// The error of a refusal in OpenAI's shape.
async fn too_large(request: RequestBuilder, words: &[&str], param: &str) -> Result<()> {
    let (status, body) = read(request.send().await?).await?;
    ensure!(status == StatusCode::PAYLOAD_TOO_LARGE, "{status} {body}");
    let error = &body["error"];
    let message = error["message"].as_str().context("a message")?;
    ensure!(words.iter().all(|word| message.contains(word)), "{body}");
    ensure!(error["param"] == param && error["type"].is_string(), "{body}");
    Ok(())
}

#[tokio::test]
async fn a_file_over_the_limit_is_told_by_every_way() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("office", "editor").await?;
    let files = || caller.request(Method::POST, "/v1/files");
    let remedy = ["big.txt", "2 MB", "limits.upload_bytes"];
    // A little more and much more, which is known from its announced length.
    for size in [LIMIT + 1000, 2 * LIMIT] {
        too_large(files().multipart(form("big.txt", text(size))), &remedy, "file").await?;
        let keyed = files().header("idempotency-key", format!("large-{size}"));
        too_large(keyed.multipart(form("big.txt", text(size))), &remedy, "file").await?;
    }
    // Without a length, so that it is known only when it has come.
    let pieces: Vec<_> = text(2 * LIMIT)
        .chunks(100_000)
        .map(|some| Ok::<_, std::io::Error>(some.to_vec()))
        .collect();
    let part = Part::stream(Body::wrap_stream(stream::iter(pieces))).file_name("big.txt");
    let form_of = Form::new().text("purpose", "assistants").part("file", part);
    let keyed = files().header("idempotency-key", "of-unknown-length");
    too_large(keyed.multipart(form_of), &remedy, "file").await?;

    let wish = |bytes: u64| {
        json!({"bytes": bytes, "filename": "big.txt", "purpose": "assistants",
        "mime_type": "text/plain"})
    };
    let uploads = caller.request(Method::POST, "/v1/uploads").json(&wish((8 << 30) + 1));
    too_large(uploads, &["big.txt", "limits.upload_parts_bytes"], "bytes").await?;
    // In parts it may be larger than in one request, and no part may be.
    let upload = caller.json(Method::POST, "/v1/uploads", &wish(8 << 30)).await?;
    let parts = format!("/v1/uploads/{}/parts", upload["id"].as_str().context("an id")?);
    let data = Part::bytes(text(LIMIT + 1000)).file_name("upload");
    let part = caller.request(Method::POST, &parts).multipart(Form::new().part("data", data));
    too_large(part, &["2 MB", "smaller parts"], "data").await?;

    let table = Form::new().part("file", Part::bytes(text(LIMIT + 1000)).file_name("big.csv"));
    let datasets = caller.request(Method::POST, "/cairn/v1/datasets").multipart(table);
    too_large(datasets, &["big.csv", "limits.upload_bytes"], "file").await?;
    let left = scene.data().join("tables");
    ensure!(count(&left)? == 0, "something of the table stayed");

    from_a_folder(&scene, &caller).await?;
    scene.stop().await
}

async fn from_a_folder(scene: &Scene, caller: &Caller) -> Result<()> {
    let folder = scene.data().join("shared/office");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("big.txt"), text(LIMIT + 1000))?;
    std::fs::write(folder.join("fits.txt"), "The lamp is in the cellar.")?;
    let store = caller.store("folder").await?;
    let wish = json!({"vector_store_id": store, "every_seconds": 0,
        "config": {"type": "folder", "path": folder}});
    let made = caller.json(Method::POST, "/cairn/v1/sources", &wish).await?;
    let source = made["id"].as_str().context("an id")?;
    let shown = settled(caller, source).await?;
    ensure!(shown["items"]["ready"] == 1 && shown["items"]["failed"] == 1, "{shown}");
    let (_, items) = caller.get(&format!("/cairn/v1/sources/{source}/items")).await?;
    let items = items["data"].as_array().context("items")?;
    let failed = items.iter().find(|item| item["key"] == "big.txt").context("the large one")?;
    let error = failed["error"].as_str().context("why")?;
    ensure!(error.contains("2 MB") && error.contains("limits.upload_bytes"), "{failed}");
    Ok(())
}

/// The files below a folder.
fn count(folder: &Path) -> Result<usize> {
    let mut found = 0;
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        found += if path.is_dir() { count(&path)? } else { 1 };
    }
    Ok(found)
}

#[tokio::test]
async fn a_large_file_with_a_key_is_kept_once() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("office", "editor").await?;
    let send = async |bytes: Vec<u8>| {
        let request = caller.request(Method::POST, "/v1/files").header("idempotency-key", "once");
        let answer = request.multipart(form("a.txt", bytes)).send().await?;
        let again = answer.headers().contains_key("idempotent-replayed");
        let (status, body) = read(answer).await?;
        anyhow::Ok((status, again, body))
    };
    let bytes = text(LIMIT - 10);
    let (status, again, first) = send(bytes.clone()).await?;
    ensure!(status == StatusCode::OK && !again, "{status} {first}");
    // Its form has another boundary every time.
    let (status, again, second) = send(bytes.clone()).await?;
    ensure!(status == StatusCode::OK && again && second == first, "{status} {second}");
    let (_, listed) = caller.get("/v1/files").await?;
    ensure!(listed["data"].as_array().map(Vec::len) == Some(1), "{listed}");
    let content = format!("/v1/files/{}/content", first["id"].as_str().context("an id")?);
    let came = caller.request(Method::GET, &content).send().await?.bytes().await?;
    ensure!(came == bytes, "{} bytes came back", came.len());

    let mut other = bytes;
    *other.last_mut().context("a byte")? = b'!';
    let (status, _, refused) = send(other).await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{status} {refused}");
    ensure!(refused["error"]["code"] == "idempotency_key_reused", "{refused}");
    ensure!(count(&scene.data().join("scratch"))? == 0, "a request lies about");
    scene.stop().await
}

/// Another process, so that nothing else takes memory in it. Ends with the test.
struct Server {
    process: Child,
    url: String,
    key: String,
    client: Client,
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Server {
    async fn start(data: &Path) -> Result<Self> {
        let mut process = Command::new(env!("CARGO_BIN_EXE_cairn"))
            .args(["up", "--listen", "127.0.0.1:0", "--data"])
            .arg(data)
            // Nothing is loaded meanwhile.
            .env("CAIRN_MODELS_DIR", data.join("no-models"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let client = Client::new();
        for _ in 0..1200 {
            tokio::time::sleep(Duration::from_millis(50)).await;
            if let Some(status) = process.try_wait()? {
                anyhow::bail!("the server ended: {status}");
            }
            let Ok(told) = std::fs::read(data.join("server.json")) else { continue };
            let told: Value = serde_json::from_slice(&told)?;
            let said = |name: &str| Some(told[name].as_str()?.to_owned());
            let (url, key) = (said("url").context("a url")?, said("key").context("a key")?);
            let ready = client.get(format!("{url}/readyz")).send().await;
            if ready.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(Self { process, url, key, client });
            }
        }
        let _ = process.kill();
        anyhow::bail!("the server was not ready within a minute")
    }

    async fn upload(&self, mebibytes: usize, key: Option<&str>) -> Result<()> {
        let piece = text(1 << 20);
        let pieces = (0..mebibytes).map(move |_| Ok::<_, std::io::Error>(piece.clone()));
        let part = Part::stream(Body::wrap_stream(stream::iter(pieces))).file_name("a.txt");
        let form = Form::new().text("purpose", "assistants").part("file", part);
        let mut request = self.client.post(format!("{}/v1/files", self.url)).bearer_auth(&self.key);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        let (status, body) = read(request.multipart(form).send().await?).await?;
        let size = mebibytes * (1 << 20);
        ensure!(status == StatusCode::OK && body["bytes"] == size, "{status} {body}");
        Ok(())
    }

    /// A line of what the kernel tells of its memory, in mebibytes.
    fn memory(&self, name: &str) -> Result<u64> {
        let told = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = told.lines().find_map(|line| line.strip_prefix(name)).context("a line")?;
        let kib = line.trim_start_matches(':').trim().trim_end_matches(" kB");
        Ok(kib.parse::<u64>()? / 1024)
    }

    /// From now on the peak is a new one.
    fn forget_the_peak(&self) -> Result<()> {
        let place = format!("/proc/{}/clear_refs", self.process.id());
        std::fs::write(place, "5").context("resetting the peak")
    }
}

/// What is sent, in mebibytes.
const SENT: usize = 96;
/// What it may take in memory, in mebibytes.
const TAKEN: u64 = 32;

#[tokio::test]
async fn a_large_file_takes_no_memory_on_its_way_in() -> Result<()> {
    let data = tempfile::tempdir()?;
    let server = Server::start(data.path()).await?;
    // What is taken once, by the first request of each sort.
    for key in [None, Some("first")] {
        server.upload(4, key).await?;
    }
    for keyed in [false, true] {
        let mut least = u64::MAX;
        // On a busy machine what the program does beside it, from time to time, falls into one of
        // them; what an upload takes, each of them takes.
        for attempt in 0..3 {
            let key = format!("again-{attempt}");
            server.forget_the_peak()?;
            let before = server.memory("VmRSS")?;
            server.upload(SENT, keyed.then_some(key.as_str())).await?;
            least = least.min(server.memory("VmHWM")?.saturating_sub(before));
            if least < TAKEN {
                break;
            }
        }
        ensure!(least < TAKEN, "{SENT} MiB, with a key: {keyed}, took {least} MiB");
    }
    Ok(())
}
