use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::Scene;

const LIGHTHOUSE: &str = "# The lighthouse at Cape Orrin\n\n## Lamp\n\nThe lamp of the lighthouse was \
     replaced in 1974 by an electric one of 1200 watts. It turns once in eleven seconds.\n\n\
     ## Keeper\n\nThe last keeper, Ida Thorvald, left the tower in the spring of 1989.\n";
const BRIDGE: &str = "# The bridge over the Lune\n\nThe bridge is inspected every second winter. \
     Its cables were renewed in 2003 after a storm broke four of them.\n";

#[tokio::test]
async fn a_document_is_found_cited_and_gone_when_deleted() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("places").await?;
    let (lighthouse, state) = caller.ingest(&store, "lighthouse.md", LIGHTHOUSE.as_bytes()).await?;
    ensure!(state["status"] == "completed", "{state}");
    caller.ingest(&store, "bridge.md", BRIDGE.as_bytes()).await?;

    let answer = caller.ask(&store, "Who was the last keeper of the lighthouse?").await?;
    ensure!(answer["cairn"]["refused"] == false, "{answer}");
    let message =
        answer["output"].as_array().and_then(|items| items.last()).context("a message")?;
    let text = message["content"][0]["text"].as_str().context("text")?;
    ensure!(text.contains("Ida Thorvald"), "{text}");
    let citation = &message["content"][0]["annotations"][0];
    ensure!(citation["file_id"] == lighthouse.as_str(), "{citation}");
    check_quote(&caller, &lighthouse, citation).await?;

    let silent = caller.ask(&store, "Which vitamins does a raw potato contain?").await?;
    ensure!(silent["cairn"]["refused"] == true, "{silent}");

    let id = answer["id"].as_str().context("an id")?;
    ensure!(caller.get(&format!("/v1/responses/{id}")).await?.0 == StatusCode::OK);
    ensure!(caller.delete(&format!("/v1/files/{lighthouse}")).await? == StatusCode::OK);
    let (status, kept) = caller.get(&format!("/v1/responses/{id}")).await?;
    ensure!(status == StatusCode::OK && kept["cairn"]["scrubbed"] == true, "{kept}");
    ensure!(!kept.to_string().contains("Ida Thorvald"), "a deleted file is still quoted: {kept}");
    let search = format!("/v1/vector_stores/{store}/search");
    let found =
        caller.json(Method::POST, &search, &json!({"query": "keeper Ida Thorvald"})).await?;
    let hits = found["data"].as_array().context("hits")?;
    ensure!(hits.iter().all(|hit| hit["file_id"] != lighthouse.as_str()), "{found}");
    let verified = scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    ensure!(verified["points"].is_number(), "{verified}");
    let verified = scene.admin().json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
    ensure!(verified["clean"] == true, "{verified}");
    scene.stop().await
}

#[tokio::test]
async fn a_scanned_page_is_found_by_its_words() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("office", "editor").await?;
    let store = caller.store("scans").await?;
    let page = include_bytes!("../../../documents/tests/scan.pdf");
    let (file, state) = caller.ingest(&store, "invoice.pdf", page).await?;
    ensure!(state["status"] == "completed", "{state}");
    let search = format!("/v1/vector_stores/{store}/search");
    let query = json!({"query": "What do the brass screws cost?"});
    let found = caller.json(Method::POST, &search, &query).await?;
    ensure!(found["data"][0]["file_id"] == file.as_str(), "{found}");
    ensure!(found.to_string().contains("Brass screws | 3.20"), "{found}");
    scene.stop().await
}

/// The quote stands in the document's text at exactly the place that is named.
async fn check_quote(caller: &crate::scene::Caller, file: &str, citation: &Value) -> Result<()> {
    let place = &citation["cairn"];
    let (start, end) = (&place["char_start"], &place["char_end"]);
    let path = format!("/cairn/v1/files/{file}/text?start={start}&end={end}");
    let (status, part) = caller.get(&path).await?;
    ensure!(status == StatusCode::OK, "{part}");
    ensure!(part["text"] == place["quote"], "{part} is not {place}");
    ensure!(
        place["heading"].as_str().is_some_and(|heading| heading.contains("lighthouse")),
        "{place}"
    );
    Ok(())
}

#[tokio::test]
async fn attributes_filter_and_are_replaced() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.admin();
    let store = caller.store("filtered").await?;
    let (old, _) =
        caller.ingest(&store, "old.txt", b"The tariff of the ferry is four crowns.").await?;
    let (new, _) =
        caller.ingest(&store, "new.txt", b"The tariff of the ferry is nine crowns.").await?;
    for (file, year) in [(&old, 1950), (&new, 2020)] {
        let path = format!("/v1/vector_stores/{store}/files/{file}");
        caller.json(Method::POST, &path, &json!({"attributes": {"year": year}})).await?;
    }
    let search = format!("/v1/vector_stores/{store}/search");
    let body = json!({
        "query": "tariff of the ferry",
        "filters": {"type": "gte", "key": "year", "value": 2000},
    });
    let found = caller.json(Method::POST, &search, &body).await?;
    let files: Vec<_> = found["data"]
        .as_array()
        .context("hits")?
        .iter()
        .map(|hit| hit["file_id"].clone())
        .collect();
    ensure!(files == [json!(new)], "{found}");
    scene.stop().await
}
