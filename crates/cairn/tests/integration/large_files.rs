//! Files that are large: on their way in, and while they are read.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::{StreamExt as _, stream};
use reqwest::multipart::{Form, Part};
use reqwest::{Body, Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene, read};

/// Words that are in the file again and again, so that what is left of it can be found.
const MARK: &str = "a beacon that nobody lights";

/// Nearly as large as the scene allows.
const SIZE: usize = (2 << 20) - 100;

fn large() -> Vec<u8> {
    MARK.bytes().cycle().take(SIZE).collect()
}

#[tokio::test]
async fn a_file_of_some_pieces_is_there_as_a_whole_or_not_at_all() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("office", "editor").await?;
    let (status, file) = caller.try_upload("beacon.txt", large()).await?;
    ensure!(status == StatusCode::OK && file["bytes"] == SIZE, "{file}");
    let content = format!("/v1/files/{}/content", file["id"].as_str().context("an id")?);
    let bytes = caller.request(Method::GET, &content).send().await?.bytes().await?;
    ensure!(bytes == large(), "{} bytes came back", bytes.len());

    // In parts, of which the first is more than one piece.
    let wish = json!({"bytes": SIZE, "filename": "b.txt", "purpose": "assistants",
        "mime_type": "text/plain"});
    let upload = caller.json(Method::POST, "/v1/uploads", &wish).await?;
    let upload = upload["id"].as_str().context("an id")?;
    let mut parts = Vec::new();
    for half in large().chunks((1 << 20) + 4_096) {
        let form = Form::new().part("data", Part::bytes(half.to_vec()).file_name("upload"));
        let path = format!("/v1/uploads/{upload}/parts");
        let sent = caller.request(Method::POST, &path).multipart(form).send().await?;
        let (status, part) = read(sent).await?;
        ensure!(status == StatusCode::OK, "{part}");
        parts.push(part["id"].clone());
    }
    let complete = format!("/v1/uploads/{upload}/complete");
    let made = caller.json(Method::POST, &complete, &json!({"part_ids": parts})).await?;
    let content = format!("/v1/files/{}/content", made["file"]["id"].as_str().context("an id")?);
    let bytes = caller.request(Method::GET, &content).send().await?.bytes().await?;
    ensure!(bytes == large(), "{} bytes came back", bytes.len());

    // Nothing stays of a form that breaks off, asks for what cannot be, or may not be sent.
    let held = scene.holding(MARK)?.len();
    let pieces = stream::iter(large().chunks(1 << 18).map(<[u8]>::to_vec).collect::<Vec<_>>());
    let broken = pieces
        .map(Ok::<_, std::io::Error>)
        .take(6)
        .chain(stream::once(async { Err(std::io::Error::other("the line is cut")) }));
    let part = Part::stream(Body::wrap_stream(broken)).file_name("broken.txt");
    let form = Form::new().text("purpose", "assistants").part("file", part);
    let sent = caller.request(Method::POST, "/v1/files").multipart(form).send().await;
    ensure!(sent.is_err(), "half a form was answered");
    let part = Part::bytes(large()).file_name("wrong.txt");
    let form = Form::new().part("file", part).text("purpose", "secrets");
    let sent = caller.request(Method::POST, "/v1/files").multipart(form).send().await?;
    let (status, refused) = read(sent).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    ensure!(refused["error"]["param"] == "purpose", "{refused}");
    let viewer = scene.tenant("office", "viewer").await?;
    let (status, refused) = viewer.try_upload("viewer.txt", large()).await?;
    ensure!(status == StatusCode::FORBIDDEN, "{refused}");
    for _ in 0..100 {
        if scene.holding(MARK)?.len() == held {
            return scene.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("something stayed: {:?}", scene.holding(MARK)?)
}

/// Pictures in the mail; a turn reads 24.
const PICTURES: usize = 26;

#[tokio::test]
async fn a_file_with_many_pictures_is_read_in_turns() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("office", "editor").await?;
    let store = caller.store("mails").await?;
    let picture = STANDARD.encode(include_bytes!("../../../documents/tests/scan.png"));
    let mut mail = "From: a@example.org\r\nTo: b@example.org\r\nSubject: Scans\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=XX\r\n\r\n\
        --XX\r\nContent-Type: text/plain\r\n\r\nHere they are.\r\n"
        .to_owned();
    for number in 0..PICTURES {
        mail.push_str(&format!(
            "--XX\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=page-{number}.png\r\n\r\n{picture}\r\n"
        ));
    }
    mail.push_str("--XX--\r\n");
    let (status, file) = caller.try_upload("scans.eml", mail.into_bytes()).await?;
    ensure!(status == StatusCode::OK, "{file}");
    let id = file["id"].as_str().context("an id")?.to_owned();
    let files = format!("/v1/vector_stores/{store}/files");
    caller.json(Method::POST, &files, &json!({"file_id": id})).await?;
    let before = turns(&caller).await?;
    let state = loop {
        let (_, state) = caller.get(&format!("{files}/{id}")).await?;
        if state["status"] != "in_progress" {
            break state;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    ensure!(state["status"] == "completed", "{state}");
    let counted = turns(&caller).await? - before;
    ensure!(counted == 1, "{counted} turns but the last");
    let (_, text) = caller.get(&format!("/cairn/v1/files/{id}/text")).await?;
    let text: &Value = &text["text"];
    let words = text.as_str().context("a text")?;
    ensure!(words.matches("Payable within thirty days").count() == PICTURES, "{words}");
    scene.stop().await
}

/// How many turns there were, of all files, that were not a file's last.
async fn turns(caller: &Caller) -> Result<u64> {
    let (_, told) = caller.get("/metrics").await?;
    let told = told.as_str().context("metrics")?;
    let count = told.lines().find_map(|line| line.strip_prefix("cairn_ingest_turns_total "));
    Ok(count.map(str::parse).transpose()?.unwrap_or(0))
}
