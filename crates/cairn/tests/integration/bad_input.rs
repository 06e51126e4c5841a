use anyhow::{Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::json;

use crate::scene::Scene;

#[tokio::test]
async fn every_bad_input_names_the_thing_and_the_server_goes_on() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.admin();
    let post = Method::POST;

    let stranger = scene.with_key("ck_wrong");
    let (status, body) = stranger.get("/v1/models").await?;
    ensure!(
        status == StatusCode::UNAUTHORIZED && body["error"]["code"] == "invalid_api_key",
        "{body}"
    );

    let chat = json!({"model": "gpt-9", "messages": [{"role": "user", "content": "hi"}]});
    let (status, body) = caller.try_json(post.clone(), "/v1/chat/completions", &chat).await?;
    ensure!(
        status == StatusCode::NOT_FOUND && body["error"]["code"] == "model_not_found",
        "{body}"
    );

    let (status, body) = caller.try_upload("large.txt", vec![b'x'; 3 << 20]).await?;
    ensure!(status == StatusCode::PAYLOAD_TOO_LARGE, "{status} {body}");
    ensure!(body["error"]["message"].as_str().is_some_and(|m| m.contains("large.txt")), "{body}");

    let ragged = "a,b\n1,2\n3,4,5\n";
    let (status, body) = caller.import("ragged", ragged).await?;
    ensure!(
        status == StatusCode::UNPROCESSABLE_ENTITY && body.to_string().contains("line 3"),
        "{body}"
    );
    ensure!(caller.get("/cairn/v1/datasets/ragged").await?.0 == StatusCode::NOT_FOUND);

    caller.import("small", "a,b\n1,2\n3,4\n").await?;
    let target = json!({"dataset": "small", "target": "c"});
    let (status, body) = caller.try_json(post.clone(), "/cairn/v1/training_runs", &target).await?;
    ensure!(status == StatusCode::BAD_REQUEST && body.to_string().contains("a, b"), "{body}");

    let store = caller.store("bad").await?;
    let bad: [(&str, &[u8], &str); 5] = [
        ("program.exe", b"MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0", "unsupported_file"),
        ("picture.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "invalid_file"),
        ("empty.md", b"", "invalid_file"),
        ("cut.docx", b"PK\x03\x04\x14\0\0\0\x08\0word/document.xml", "invalid_file"),
        ("broken.pdf", b"%PDF-1.7\nnothing more", "invalid_file"),
    ];
    for (name, bytes, code) in bad {
        let (_, state) = caller.ingest(&store, name, bytes).await?;
        ensure!(state["status"] == "failed", "{name}: {state}");
        ensure!(state["last_error"]["code"] == code, "{name}: {state}");
    }
    let (_, state) = caller.ingest(&store, "good.txt", b"A good file after the bad ones.").await?;
    ensure!(state["status"] == "completed", "{state}");

    let (status, body) =
        caller.try_json(post, "/v2/models/none/infer", &json!({"inputs": []})).await?;
    ensure!(status == StatusCode::NOT_FOUND && body["error"].is_string(), "{body}");
    scene.stop().await
}
