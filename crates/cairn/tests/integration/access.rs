use anyhow::{Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene};

const SECRET: &str = "The merger with Orrin Lamps is planned for the eleventh of May.";
const OPEN: &str = "The canteen of Orrin Lamps opens at eight in the morning.";
const QUESTION: &str = "When is the merger with Orrin Lamps planned?";

async fn hits(caller: &Caller, store: &str) -> Result<String> {
    let path = format!("/v1/vector_stores/{store}/search");
    let found = caller.json(Method::POST, &path, &json!({"query": QUESTION})).await?;
    Ok(found["data"].to_string())
}

#[tokio::test]
async fn a_document_answers_only_to_those_on_its_list() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("orrin", "editor").await?;
    let ada = scene.speaking_for("orrin", "viewer", &["user:ada", "group:board"]).await?;
    let bob = scene.speaking_for("orrin", "viewer", &["user:bob"]).await?;
    let store = editor.store("papers").await?;
    let (secret, _) = editor.ingest(&store, "merger.txt", SECRET.as_bytes()).await?;
    let (open, _) = editor.ingest(&store, "canteen.txt", OPEN.as_bytes()).await?;
    ensure!(hits(&bob, &store).await?.contains("merger"), "a document without a list is open");

    let list = format!("/cairn/v1/files/{secret}/access");
    let (status, refused) =
        bob.try_json(Method::PUT, &list, &json!({"access": ["user:bob"]})).await?;
    ensure!(status == StatusCode::FORBIDDEN, "{refused}");
    let (status, refused) = editor.try_json(Method::PUT, &list, &json!({})).await?;
    ensure!(
        status == StatusCode::BAD_REQUEST && refused.to_string().contains("access"),
        "{refused}"
    );
    let before = bob.ask(&store, QUESTION).await?;
    editor.json(Method::PUT, &list, &json!({"access": ["group:board"]})).await?;

    ensure!(hits(&ada, &store).await?.contains("merger"));
    let shown = hits(&bob, &store).await?;
    ensure!(!shown.contains("merger") && shown.contains("canteen"), "{shown}");
    let answered = ada.ask(&store, QUESTION).await?;
    ensure!(answered.to_string().contains("eleventh"), "{answered}");
    let refused = bob.ask(&store, QUESTION).await?;
    ensure!(!refused.to_string().contains("eleventh"), "{refused}");

    // What was answered before is hidden with the document; another's answer is there for nobody.
    for (answer, own) in [(&before, false), (&answered, true)] {
        let path = format!("/v1/responses/{}", answer["id"].as_str().unwrap_or_default());
        let to_ada = if own { StatusCode::OK } else { StatusCode::NOT_FOUND };
        ensure!(bob.get(&path).await?.0 == StatusCode::NOT_FOUND);
        ensure!(ada.get(&path).await?.0 == to_ada);
        ensure!(editor.get(&path).await?.0 == StatusCode::OK, "editors manage all");
    }
    for path in [
        format!("/v1/files/{secret}"),
        format!("/v1/files/{secret}/content"),
        format!("/cairn/v1/files/{secret}/text"),
        format!("/v1/vector_stores/{store}/files/{secret}"),
        format!("/v1/vector_stores/{store}/files/{secret}/content"),
    ] {
        ensure!(bob.get(&path).await?.0 == StatusCode::NOT_FOUND, "{path}");
        ensure!(ada.get(&path).await?.0 == StatusCode::OK, "{path}");
        ensure!(editor.get(&path).await?.0 == StatusCode::OK, "{path}: editors manage all");
    }
    let (_, files) = bob.get("/v1/files").await?;
    let listed: Vec<&Value> = files["data"].as_array().into_iter().flatten().collect();
    ensure!(listed.len() == 1 && listed[0]["id"] == open.as_str(), "{files}");

    editor.json(Method::PUT, &list, &json!({"access": ["public"]})).await?;
    ensure!(hits(&bob, &store).await?.contains("merger"), "public opens it again");
    let (_, shown) = editor.get(&list).await?;
    ensure!(shown["access"].is_null(), "{shown}");
    scene.stop().await
}

#[tokio::test]
async fn an_attribute_sets_the_list_and_is_none() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("orrin", "editor").await?;
    let bob = scene.speaking_for("orrin", "viewer", &["user:bob"]).await?;
    let store = editor.store("papers").await?;
    let (file, _) = editor.ingest(&store, "merger.txt", SECRET.as_bytes()).await?;
    let path = format!("/v1/vector_stores/{store}/files/{file}");
    let attributes = json!({"attributes": {"cairn.access": "user:ada, group:x", "year": 2024}});
    let set = editor.json(Method::POST, &path, &attributes).await?;
    ensure!(set["attributes"] == json!({"year": 2024}), "{set}");
    ensure!(!hits(&bob, &store).await?.contains("merger"));
    // Attributes without it leave it as it is.
    editor.json(Method::POST, &path, &json!({"attributes": {"year": 2025}})).await?;
    ensure!(!hits(&bob, &store).await?.contains("merger"));
    let (_, list) = editor.get(&format!("/cairn/v1/files/{file}/access")).await?;
    ensure!(list["access"] == json!(["group:x", "user:ada"]), "{list}");
    let (status, refused) = editor
        .try_json(Method::POST, &path, &json!({"attributes": {"cairn.access": "a|b"}}))
        .await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    let scene = scene.restart().await?;
    let bob = scene.with_key(&bob.key);
    ensure!(!hits(&bob, &store).await?.contains("merger"), "a list survives a restart");
    scene.stop().await
}
