//! The language that a store's words are counted in.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene};

/// The BM25 scores of the hits for a query.
async fn scores(caller: &Caller, store: &str, query: &str) -> Result<Vec<f64>> {
    let path = format!("/v1/vector_stores/{store}/search");
    let found = caller.json(Method::POST, &path, &json!({"query": query})).await?;
    let hits = found["data"].as_array().context("hits")?;
    hits.iter().map(|hit| hit["cairn"]["bm25"].as_f64().context("a BM25 score")).collect()
}

async fn language(caller: &Caller, store: &str) -> Result<Value> {
    let (_, shown) = caller.get(&format!("/v1/vector_stores/{store}")).await?;
    Ok(shown["cairn"]["language"].clone())
}

/// Re-indexes a store; the generation that answers then.
async fn reindexed(caller: &Caller, store: &str, wish: &Value) -> Result<Value> {
    let path = format!("/cairn/v1/vector_stores/{store}/reindex");
    caller.json(Method::POST, &path, wish).await?;
    for _ in 0..600 {
        let (_, shown) = caller.get(&path).await?;
        if shown["status"] != "in_progress" {
            ensure!(shown["status"] == "completed", "{shown}");
            return Ok(shown["active"].clone());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the re-index did not end within 30 s")
}

#[tokio::test]
async fn a_store_names_its_language_and_keeps_it() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("stadt", "editor").await?;
    let wish = |language: &str| json!({"name": "haus", "cairn": {"language": language}});
    let (status, refused) =
        caller.try_json(Method::POST, "/v1/vector_stores", &wish("german")).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    ensure!(refused["error"]["param"] == "cairn.language", "{refused}");
    let said = refused["error"]["message"].as_str().unwrap_or_default();
    ensure!(said.contains("'german'") && said.contains("de, "), "{said}");

    let made = caller.json(Method::POST, "/v1/vector_stores", &wish("de")).await?;
    ensure!(made["cairn"]["language"] == "de", "{made}");
    let store = made["id"].as_str().context("a store")?.to_owned();
    // Too short to tell, and English would not find the one by the other.
    caller.ingest(&store, "kurz.md", "Häuser".as_bytes()).await?;
    ensure!(scores(&caller, &store, "Haus").await?.iter().any(|score| *score > 0.0));
    let active = reindexed(&caller, &store, &json!({})).await?;
    ensure!(active["language"] == "de" && active["language_named"] == true, "{active}");
    ensure!(scores(&caller, &store, "Haus").await?.iter().any(|score| *score > 0.0));

    // Another one is a matter of a re-index.
    let path = format!("/cairn/v1/vector_stores/{store}/reindex");
    let (status, refused) =
        caller.try_json(Method::POST, &path, &json!({"language": "xx"})).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    ensure!(refused["error"]["param"] == "language", "{refused}");
    let active = reindexed(&caller, &store, &json!({"language": "en"})).await?;
    ensure!(active["language"] == "en" && active["language_named"] == true, "{active}");
    ensure!(language(&caller, &store).await? == "en");
    ensure!(scores(&caller, &store, "Haus").await?.iter().all(|score| *score <= 0.0));
    let (_, listed) = caller.get("/v1/vector_stores").await?;
    ensure!(listed["data"][0]["cairn"]["language"] == "en", "{listed}");
    scene.stop().await
}

#[tokio::test]
async fn a_language_that_little_text_told_is_told_again_by_more() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("stadt", "editor").await?;
    let store = caller.store("haus").await?;
    ensure!(language(&caller, &store).await?.is_null());
    caller.ingest(&store, "kurz.md", "Häuser".as_bytes()).await?;
    ensure!(language(&caller, &store).await? == "en", "too short to tell");
    let long = "Die Dächer der alten Stadt sind mit roten Ziegeln gedeckt, und an den Ufern des \
                Flusses stehen seit dem Mittelalter die Speicher der Kaufleute. "
        .repeat(3);
    caller.ingest(&store, "lang.md", long.as_bytes()).await?;
    ensure!(language(&caller, &store).await? == "de");
    ensure!(scores(&caller, &store, "das Haus").await?.iter().any(|score| *score > 0.0));
    let scene = scene.restart().await?;
    let caller = scene.with_key(&caller.key);
    ensure!(language(&caller, &store).await? == "de");
    ensure!(scores(&caller, &store, "das Dach").await?.iter().any(|score| *score > 0.0));
    let active = reindexed(&caller, &store, &json!({})).await?;
    ensure!(active["language"] == "de" && active["language_named"] == false, "{active}");
    scene.stop().await
}
