//! What is sent a second time, with null, or with what does not fit.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene};

const TOWER: &str = "# Tower\n\nThe last keeper of the Orrin tower was Ida Thorvald. \
     She left the tower in the spring of 1989.\n";

async fn post(caller: &Caller, path: &str, body: Value) -> Result<Value> {
    caller.json(Method::POST, path, &body).await
}

/// What is at `path` once it is no longer in progress.
async fn settled(caller: &Caller, path: &str) -> Result<Value> {
    for _ in 0..600 {
        let (status, shown) = caller.get(path).await?;
        ensure!(status == StatusCode::OK, "{shown}");
        if shown["status"] != "in_progress" {
            return Ok(shown);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{path} was not settled within 30 s")
}

#[tokio::test]
async fn null_clears_what_an_update_names() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let wish = json!({"name": "places", "metadata": {"a": "1"},
        "expires_after": {"anchor": "last_active_at", "days": 7}});
    let made = post(&caller, "/v1/vector_stores", wish).await?;
    let path = format!("/v1/vector_stores/{}", made["id"].as_str().context("an id")?);
    let same = post(&caller, &path, json!({})).await?;
    ensure!(same["expires_at"].is_number() && same["metadata"] == json!({"a": "1"}), "{same}");
    let cleared = post(&caller, &path, json!({"expires_after": null, "metadata": null})).await?;
    ensure!(cleared["expires_after"].is_null() && cleared["expires_at"].is_null(), "{cleared}");
    ensure!(cleared["metadata"] == json!({}) && cleared["name"] == "places", "{cleared}");
    let unnamed = post(&caller, &path, json!({"name": null})).await?;
    ensure!(unnamed["name"] == "", "{unnamed}");

    let talk = post(&caller, "/v1/conversations", json!({"metadata": {"a": "1"}})).await?;
    let path = format!("/v1/conversations/{}", talk["id"].as_str().context("an id")?);
    let (status, refused) = caller.try_json(Method::POST, &path, &json!({})).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    ensure!(refused["error"]["param"] == "metadata", "{refused}");
    let cleared = post(&caller, &path, json!({"metadata": null})).await?;
    ensure!(cleared["metadata"] == json!({}), "{cleared}");
    scene.stop().await
}

#[tokio::test]
async fn a_file_that_is_attached_again_gets_what_is_sent_with_it() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("places").await?;
    let (file, _) = caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let files = format!("/v1/vector_stores/{store}/files");
    let path = format!("{files}/{file}");
    let attach = async |more: Value| {
        let mut body = json!({"file_id": file});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        caller.json(Method::POST, &files, &body).await
    };
    let marked = attach(json!({"attributes": {"year": 1989}})).await?;
    ensure!(marked["status"] == "completed", "attributes need no reading: {marked}");
    ensure!(marked["attributes"] == json!({"year": 1989}), "{marked}");
    let search = json!({"query": "keeper of the tower",
        "filters": {"type": "eq", "key": "year", "value": 1989}});
    let searching = format!("/v1/vector_stores/{store}/search");
    let found = post(&caller, &searching, search.clone()).await?;
    ensure!(found["data"][0]["file_id"] == file.as_str(), "{found}");
    let same = attach(json!({})).await?;
    ensure!(same == marked, "what is absent stays: {same}");

    let cut = json!({"type": "static",
        "static": {"max_chunk_size_tokens": 100, "chunk_overlap_tokens": 0}});
    attach(json!({"chunking_strategy": cut})).await?;
    let read = settled(&caller, &path).await?;
    ensure!(read["status"] == "completed" && read["chunking_strategy"] == cut, "{read}");
    ensure!(read["attributes"] == json!({"year": 1989}), "{read}");
    let found = post(&caller, &searching, search).await?;
    ensure!(found["data"].as_array().is_some_and(|hits| hits.len() == 1), "{found}");
    let same = attach(json!({"chunking_strategy": cut, "attributes": {"year": 1989}})).await?;
    ensure!(same == read, "the same again changes nothing: {same}");
    scene.stop().await
}

#[tokio::test]
async fn a_batch_counts_the_files_it_was_given() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("places").await?;
    let (old, _) = caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let (_, new) = caller.try_upload("bridge.md", b"The bridge is tarred.".to_vec()).await?;
    let new = new["id"].as_str().context("an id")?;
    let batches = format!("/v1/vector_stores/{store}/file_batches");
    let made = post(&caller, &batches, json!({"file_ids": [old, new, old]})).await?;
    ensure!(made["file_counts"]["total"] == 2, "{made}");
    let path = format!("{batches}/{}", made["id"].as_str().context("an id")?);
    let over = settled(&caller, &path).await?;
    ensure!(over["status"] == "completed" && over["file_counts"]["completed"] == 2, "{over}");
    let (_, listed) = caller.get(&format!("{path}/files")).await?;
    ensure!(listed["data"].as_array().is_some_and(|files| files.len() == 2), "{listed}");
    ensure!(caller.delete(&format!("/v1/vector_stores/{store}/files/{old}")).await?.is_success());
    ensure!(caller.delete(&format!("/v1/files/{new}")).await?.is_success());
    ensure!(settled(&caller, &path).await? == over, "a batch that is over stays as it was");
    let (_, listed) = caller.get(&format!("{path}/files")).await?;
    ensure!(listed["data"] == json!([]), "{listed}");
    ensure!(caller.delete(&format!("/v1/vector_stores/{store}")).await?.is_success());
    scene.stop().await
}

#[tokio::test]
async fn results_are_kept_and_shown_to_who_asks_for_them() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("places").await?;
    let (file, _) = caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let answer = caller.ask(&store, "Who was the last keeper of the Orrin tower?").await?;
    ensure!(answer["output"][0]["results"].is_null(), "{answer}");
    let path = format!("/v1/responses/{}", answer["id"].as_str().context("an id")?);
    let (_, plain) = caller.get(&path).await?;
    ensure!(plain["output"] == answer["output"], "{plain}");
    let included = format!("{path}?include[]=file_search_call.results");
    let (_, full) = caller.get(&included).await?;
    ensure!(full["output"][0]["results"][0]["file_id"] == file.as_str(), "{full}");
    for wrong in [format!("{path}?include[]=bogus"), format!("{path}/input_items?include=bogus")] {
        let (status, refused) = caller.get(&wrong).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
        ensure!(refused["error"]["param"] == "include", "{refused}");
    }
    ensure!(caller.delete(&format!("/v1/files/{file}")).await?.is_success());
    let (_, scrubbed) = caller.get(&included).await?;
    ensure!(scrubbed["output"][0]["results"] == json!([]), "{scrubbed}");
    scene.stop().await
}

#[tokio::test]
async fn an_answer_of_sentences_keeps_to_its_tokens() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("places").await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let ask = async |more: Value| {
        let mut body = json!({"model": "cairn",
            "input": "Who was the last keeper of the Orrin tower?",
            "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
        for (name, value) in more.as_object().into_iter().flatten() {
            body[name] = value.clone();
        }
        caller.json(Method::POST, "/v1/responses", &body).await
    };
    let whole = ask(json!({})).await?;
    ensure!(whole["status"] == "completed" && whole["cairn"]["notes"].is_null(), "{whole}");
    let usage = &whole["usage"];
    ensure!(usage["input_tokens"].as_u64() > Some(5), "{usage}");
    ensure!(usage["output_tokens"].as_u64() > Some(5), "{usage}");
    let short = ask(json!({"max_output_tokens": 3, "instructions": "Shout."})).await?;
    ensure!(short["status"] == "incomplete", "{short}");
    ensure!(short["incomplete_details"]["reason"] == "max_output_tokens", "{short}");
    ensure!(short["usage"]["output_tokens"].as_u64() <= Some(3), "{short}");
    let note = short["cairn"]["notes"][0].as_str().context("a note")?;
    ensure!(note.contains("instructions"), "{note}");
    scene.stop().await
}

#[tokio::test]
async fn what_does_not_fit_is_named() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let body = json!({"metadata": {"k": 5}});
    let (status, refused) = caller.try_json(Method::POST, "/v1/vector_stores", &body).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    ensure!(refused["error"]["param"] == "metadata.k", "{refused}");
    for list in ["/v1/files", "/v1/vector_stores", "/cairn/v1/sources", "/cairn/v1/training_runs"] {
        let (status, refused) = caller.get(&format!("{list}?after=file-none")).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{list}: {refused}");
        ensure!(refused["error"]["param"] == "after", "{list}: {refused}");
    }
    scene.stop().await
}

#[tokio::test]
async fn a_short_text_is_counted_in_the_language_of_its_script() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("маяк").await?;
    let text = "Лампу зажигает смотритель маяка.";
    caller.ingest(&store, "lamp.md", text.as_bytes()).await?;
    let (_, shown) = caller.get(&format!("/v1/vector_stores/{store}")).await?;
    ensure!(shown["cairn"]["language"] == "ru", "{shown}");
    let path = format!("/v1/vector_stores/{store}/search");
    let found = post(&caller, &path, json!({"query": "смотрители"})).await?;
    let score = found["data"][0]["cairn"]["bm25"].as_f64().context("a score")?;
    ensure!(score > 0.0, "{found}");
    scene.stop().await
}

#[tokio::test]
async fn a_viewer_is_told_how_many_files_there_are_to_read() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("places").await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let (secret, _) = caller.ingest(&store, "vault.md", b"The vault is in the cellar.").await?;
    let path = format!("/v1/vector_stores/{store}/files/{secret}");
    post(&caller, &path, json!({"attributes": {"cairn.access": "user:ada"}})).await?;
    let path = format!("/v1/vector_stores/{store}");
    for (who, files) in [("user:ada", 2), ("user:bob", 1)] {
        let viewer = scene.speaking_for("cape", "viewer", &[who]).await?;
        let (_, shown) = viewer.get(&path).await?;
        ensure!(shown["file_counts"]["completed"] == files, "{who}: {shown}");
        ensure!(shown["file_counts"]["total"] == files, "{who}: {shown}");
    }
    let (_, shown) = caller.get(&path).await?;
    ensure!(shown["file_counts"]["total"] == 2, "{shown}");
    scene.stop().await
}
