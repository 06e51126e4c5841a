use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::Scene;

const PLANTED: &str = "zanzibarquartz";

/// Routes that answer without a key.
const PUBLIC: [&str; 3] = ["/v2", "/v2/health/live", "/v2/health/ready"];

#[tokio::test]
async fn no_route_shows_another_tenants_words_whatever_id_is_sent() -> Result<()> {
    let scene = Scene::start().await?;
    let owner = scene.tenant("owner", "editor").await?;
    let store = owner.store(&format!("store {PLANTED}")).await?;
    let text = format!("The password of the {PLANTED} vault is kept by the {PLANTED} keeper.");
    let (file, _) = owner.ingest(&store, &format!("{PLANTED}.md"), text.as_bytes()).await?;
    let answer =
        owner.ask(&store, &format!("Who keeps the password of the {PLANTED} vault?")).await?;
    owner.import("secrets", &format!("name,score\n{PLANTED},1\nother,2\n")).await?;
    let response = answer["id"].as_str().context("a response")?;

    let stranger = scene.tenant("stranger", "editor").await?;
    let (_, document) = stranger.get("/openapi.json").await?;
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().context("paths")? {
        for method in item.as_object().context("methods")?.keys() {
            let filled = fill(path, &store, &file, response);
            let method: Method = method.to_uppercase().parse()?;
            let keyless = scene.client.request(method.clone(), format!("{}{filled}", scene.url));
            if !PUBLIC.contains(&path.as_str()) {
                let status = keyless.json(&json!({})).send().await?.status();
                ensure!(
                    status == StatusCode::UNAUTHORIZED,
                    "{method} {path} without a key: {status}"
                );
            }
            for body in bodies(&store, &file) {
                let (status, body) = stranger.try_json(method.clone(), &filled, &body).await?;
                ensure!(!body.to_string().contains(PLANTED), "{method} {path} shows {body}");
                ensure!(!status.is_server_error(), "{method} {path}: {status} {body}");
                tried += 1;
            }
        }
    }
    ensure!(tried > 100, "only {tried} requests were made");
    // What is the owner's is all still there.
    ensure!(owner.get(&format!("/v1/files/{file}")).await?.0 == StatusCode::OK);
    ensure!(owner.get("/cairn/v1/datasets/secrets").await?.0 == StatusCode::OK);
    let again =
        owner.ask(&store, &format!("Who keeps the password of the {PLANTED} vault?")).await?;
    ensure!(again["cairn"]["refused"] == false, "{again}");
    scene.stop().await
}

fn fill(path: &str, store: &str, file: &str, response: &str) -> String {
    let id = match path {
        p if p.contains("/vector_stores/") => store,
        p if p.contains("/responses/") => response,
        _ => file,
    };
    let name =
        if path.contains("resolve") { format!("{path}?name={store}") } else { path.to_owned() };
    name.replace("{file_id}", file)
        .replace("{batch_id}", "vsfb_1")
        .replace("{id}", id)
        .replace("{name}", "secrets")
        .replace("{model}", "secrets_score")
        .replace("{version}", "1")
}

/// Bodies that name the owner's things in every way there is.
fn bodies(store: &str, file: &str) -> Vec<Value> {
    let tool = json!([{"type": "file_search", "vector_store_ids": [store]}]);
    vec![
        json!({}),
        json!({"query": PLANTED, "file_id": file, "file_ids": [file], "name": "mine"}),
        json!({"model": "cairn", "input": "Who keeps the password?", "tools": tool}),
        json!({"dataset": "secrets", "target": "score", "model": "secrets_score", "sql": "SELECT * FROM secrets"}),
    ]
}

#[tokio::test]
async fn a_viewer_reads_and_does_not_write() -> Result<()> {
    let scene = Scene::start().await?;
    let viewer = scene.tenant("readers", "viewer").await?;
    ensure!(viewer.get("/v1/vector_stores").await?.0 == StatusCode::OK);
    let (status, body) =
        viewer.try_json(Method::POST, "/v1/vector_stores", &json!({"name": "x"})).await?;
    ensure!(status == StatusCode::FORBIDDEN && body.to_string().contains("editor"), "{body}");
    let keys = json!({"tenant": "readers", "role": "admin"});
    let (status, _) = viewer.try_json(Method::POST, "/cairn/v1/keys", &keys).await?;
    ensure!(status == StatusCode::FORBIDDEN);
    let admin = scene.admin();
    let (_, listed) = admin.get("/cairn/v1/keys").await?;
    let id = listed["data"][0]["id"].as_str().context("a key")?;
    ensure!(admin.delete(&format!("/cairn/v1/keys/{id}")).await? == StatusCode::OK);
    ensure!(viewer.get("/v1/models").await?.0 == StatusCode::UNAUTHORIZED, "a revoked key works");
    scene.stop().await
}
