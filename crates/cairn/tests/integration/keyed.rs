//! Streams under a key: they come as they are made, are done once, and end.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};

use crate::provenance::scripted;
use crate::scene::{Caller, Scene, read};
use crate::scripted::Scripted;

const TOWER: &str = "# Tower\n\nThe last keeper of the Orrin tower was Ida Thorvald. \
     She left the tower in the spring of 1989.\n";
const SAID: &str = "The last keeper of the Orrin tower was Ida Thorvald [1].";
const QUESTION: &str = "Who was the last keeper of the Orrin tower?";
/// Pieces of three characters until the name.
const BEFORE_THE_NAME: usize = 13;
/// What is there already comes within it.
const SOON: Duration = Duration::from_secs(10);

/// Begins a streamed chat with the documents of the store called `places`.
async fn begin(caller: &Caller, key: Option<&str>) -> Result<Response> {
    let body = json!({"model": "store/places", "stream": true, "cairn": {"model": "writer"},
        "messages": [{"role": "user", "content": QUESTION}]});
    let mut request = caller.request(Method::POST, "/v1/chat/completions");
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    let sent = tokio::time::timeout(SOON, request.json(&body).send());
    Ok(sent.await.context("no status")??)
}

/// Reads a stream until `enough` of it came, or to its end.
async fn read_on(sent: &mut Response, enough: impl Fn(&str) -> bool) -> Result<String> {
    let mut text = String::new();
    while !enough(&text) {
        let piece = tokio::time::timeout(SOON, sent.chunk()).await;
        let Some(piece) = piece.with_context(|| format!("no more behind: {text}"))?? else { break };
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    Ok(text)
}

/// The words of a streamed answer, and whether it came to its end.
fn words(stream: &str) -> (String, bool) {
    let data = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    let chunks = data.filter_map(|data| serde_json::from_str::<Value>(data).ok());
    let content = |chunk: Value| {
        chunk["choices"][0]["delta"]["content"].as_str().unwrap_or_default().to_owned()
    };
    (chunks.map(content).collect(), stream.contains("data: [DONE]"))
}

fn is_replayed(sent: &Response) -> bool {
    sent.headers().contains_key("idempotent-replayed")
}

#[tokio::test]
async fn a_stream_comes_as_it_is_made_with_a_key_and_without() -> Result<()> {
    let (scene, behind, caller, store) = scripted(|_| SAID.to_owned()).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let mut told = Vec::new();
    for key in [None, Some("once")] {
        behind.allow(BEFORE_THE_NAME);
        let mut sent = begin(&caller, key).await?;
        ensure!(sent.status() == StatusCode::OK && !is_replayed(&sent), "{key:?}");
        // The provider waits before the name: what it said before is here.
        let mut stream = read_on(&mut sent, |text| words(text).0.contains("keeper")).await?;
        ensure!(!stream.contains("Thorvald"), "{key:?}: {stream}");
        if key.is_some() {
            let (status, busy) = read(begin(&caller, key).await?).await?;
            ensure!(status == StatusCode::CONFLICT, "{busy}");
            ensure!(busy["error"]["code"] == "idempotency_in_progress", "{busy}");
        }
        behind.allow(usize::MAX);
        stream += &read_on(&mut sent, |_| false).await?;
        let (words, ended) = words(&stream);
        ensure!(ended && words.contains("Ida Thorvald"), "{key:?}: {stream}");
        told.push(stream);
    }
    let asked = behind.asked().len();
    let mut again = begin(&caller, Some("once")).await?;
    ensure!(is_replayed(&again));
    let replayed = read_on(&mut again, |_| false).await?;
    ensure!(told.last() == Some(&replayed), "{replayed}");
    ensure!(behind.asked().len() == asked, "the model was asked again");
    scene.stop().await
}

#[tokio::test]
async fn a_stream_under_a_key_goes_on_when_its_client_goes_away() -> Result<()> {
    let (scene, behind, caller, store) = scripted(|_| SAID.to_owned()).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let asked = behind.asked().len();
    behind.allow(BEFORE_THE_NAME);
    let mut lost = begin(&caller, Some("lost")).await?;
    read_on(&mut lost, |text| words(text).0.contains("keeper")).await?;
    drop(lost);
    // It is under way still, as nobody's.
    tokio::time::sleep(Duration::from_millis(300)).await;
    ensure!(begin(&caller, Some("lost")).await?.status() == StatusCode::CONFLICT);
    behind.allow(usize::MAX);
    let begun = Instant::now();
    let mut again = loop {
        let again = begin(&caller, Some("lost")).await?;
        if again.status() == StatusCode::OK {
            break again;
        }
        ensure!(begun.elapsed() < SOON, "it does not end");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    ensure!(is_replayed(&again));
    let (words, ended) = words(&read_on(&mut again, |_| false).await?);
    ensure!(ended && words.contains("Ida Thorvald"), "{words}");
    ensure!(behind.asked().len() == asked + 1, "the model was asked again");
    scene.stop().await
}

#[tokio::test]
async fn a_provider_that_stalls_ends_a_stream_with_an_error() -> Result<()> {
    let behind = Scripted::start(|_| SAID.to_owned()).await?;
    let scene = Scene::before_hasty(&behind.url, 3).await?;
    let caller = scene.tenant("orrin", "editor").await?;
    let version = json!({"kind": "remote", "provider": "behind", "model": "script"});
    caller.json(Method::POST, "/cairn/v1/models/writer/versions", &version).await?;
    let store = caller.store("places").await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    for key in [None, Some("stalled")] {
        behind.allow(BEFORE_THE_NAME);
        let mut sent = begin(&caller, key).await?;
        let before = read_on(&mut sent, |text| words(text).0.contains("keeper")).await?;
        ensure!(!before.contains("event: error"), "{before}");
        let after = read_on(&mut sent, |_| false).await?;
        let error = after.split("event: error\ndata: ").nth(1).context("an error event")?;
        let error: Value = serde_json::from_str(error.lines().next().unwrap_or_default())?;
        let message = error["error"]["message"].as_str().unwrap_or_default();
        ensure!(message.contains("provider 'behind'"), "{error}");
        ensure!(!after.contains("[DONE]") && !after.contains("Thorvald"), "{after}");
    }
    // What failed is not the answer.
    behind.allow(usize::MAX);
    let mut again = begin(&caller, Some("stalled")).await?;
    ensure!(again.status() == StatusCode::OK && !is_replayed(&again));
    let (words, ended) = words(&read_on(&mut again, |_| false).await?);
    ensure!(ended && words.contains("Ida Thorvald"), "{words}");
    scene.stop().await
}
