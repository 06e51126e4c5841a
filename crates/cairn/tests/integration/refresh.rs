use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::json;

use crate::scene::{Caller, Scene};

/// The files found under a filter on their attribute `year`.
async fn found(caller: &Caller, store: &str, year: u32) -> Result<usize> {
    let path = format!("/v1/vector_stores/{store}/search");
    let filters = json!({"type": "eq", "key": "year", "value": year});
    let asked = json!({"query": "the lamp of the tower", "filters": filters});
    let found = caller.json(Method::POST, &path, &asked).await?;
    Ok(found["data"].as_array().map_or(0, Vec::len))
}

#[tokio::test]
async fn attributes_set_while_a_file_is_read_are_those_it_is_found_by() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("towers", "editor").await?;
    let store = editor.store("papers").await?;
    let text = "The lamp of the tower burns all night, and nobody climbs up to it. ".repeat(120);
    let (_, file) = editor.try_upload("lamp.txt", text.into_bytes()).await?;
    let id = file["id"].as_str().context("a file id")?;
    let files = format!("/v1/vector_stores/{store}/files");
    let wanted = json!({"file_id": id, "attributes": {"year": 1900}});
    editor.json(Method::POST, &files, &wanted).await?;
    let one = format!("{files}/{id}");
    for year in 1901..1910 {
        // The last ones come when it is read, or nearly so.
        editor.json(Method::POST, &one, &json!({"attributes": {"year": year}})).await?;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    for _ in 0..600 {
        if editor.get(&one).await?.1["status"] != "in_progress" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (_, state) = editor.get(&one).await?;
    ensure!(state["status"] == "completed" && state["attributes"]["year"] == 1909, "{state}");
    ensure!(found(&editor, &store, 1909).await? > 0, "the newest attributes are the ones");
    for year in 1900..1909 {
        ensure!(found(&editor, &store, year).await? == 0, "{year} is over");
    }
    scene.stop().await
}

#[tokio::test]
async fn a_change_holds_when_the_call_returns_and_its_job_ends() -> Result<()> {
    let scene = Scene::start().await?;
    let admin = scene.admin();
    let store = admin.store("papers").await?;
    let (file, _) = admin.ingest(&store, "lamp.txt", b"The lamp of the tower.").await?;
    let one = format!("/v1/vector_stores/{store}/files/{file}");
    admin.json(Method::POST, &one, &json!({"attributes": {"year": 1950}})).await?;
    ensure!(found(&admin, &store, 1950).await? == 1, "it holds when the call returns");
    for _ in 0..200 {
        let (_, status) = admin.get("/cairn/v1/status").await?;
        if status["jobs"] == json!({"queued": 0, "running": 0, "failed": 0}) {
            let clean = admin.json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
            ensure!(clean["clean"] == true, "{clean}");
            return scene.stop().await;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    anyhow::bail!("the change was not taken over within 5 s")
}
