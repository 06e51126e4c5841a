use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene, read};

const KEYS: &str = "/cairn/v1/keys";
const SECRET: &str = "The merger with Orrin Lamps is planned for the eleventh of May.";
const QUESTION: &str = "When is the merger with Orrin Lamps planned?";

/// A key that was made, and its caller.
async fn made(scene: &Scene, wish: &Value) -> Result<(String, Caller)> {
    let made = scene.admin().json(Method::POST, KEYS, wish).await?;
    let id = made["id"].as_str().context("a key's id")?.to_owned();
    Ok((id, scene.with_key(made["key"].as_str().context("a key")?)))
}

async fn listed(scene: &Scene, id: &str) -> Result<Value> {
    let (_, keys) = scene.admin().get(KEYS).await?;
    let found = keys["data"].as_array().into_iter().flatten().find(|key| key["id"] == id);
    found.cloned().with_context(|| format!("{id} is not in {keys}"))
}

async fn found(caller: &Caller, store: &str) -> Result<bool> {
    let path = format!("/v1/vector_stores/{store}/search");
    let hits = caller.json(Method::POST, &path, &json!({"query": QUESTION})).await?;
    Ok(hits.to_string().contains("eleventh"))
}

#[tokio::test]
async fn who_leaves_a_group_keeps_the_key_and_reads_no_more_of_it() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("orrin", "editor").await?;
    let wish = json!({"tenant": "orrin", "role": "viewer", "name": "ada",
        "principals": ["user:ada", "group:board"]});
    let (id, ada) = made(&scene, &wish).await?;
    let store = editor.store("papers").await?;
    let (file, _) = editor.ingest(&store, "merger.txt", SECRET.as_bytes()).await?;
    let list = format!("/cairn/v1/files/{file}/access");
    editor.json(Method::PUT, &list, &json!({"access": ["group:board"]})).await?;
    ensure!(found(&ada, &store).await?);
    // Asked under a key for retries, so that the answer is remembered.
    let ask = || async {
        let body = json!({"model": "cairn", "input": QUESTION,
            "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
        let asked = ada.request(Method::POST, "/v1/responses").header("idempotency-key", "once");
        read(asked.json(&body).send().await?).await
    };
    let (_, before) = ask().await?;
    ensure!(before.to_string().contains("eleventh"), "{before}");
    let kept = format!("/v1/responses/{}", before["id"].as_str().unwrap_or_default());
    ensure!(ada.get(&kept).await?.0 == StatusCode::OK);

    let path = format!("{KEYS}/{id}");
    let left = json!({"principals": ["user:ada"]});
    let changed = scene.admin().json(Method::PATCH, &path, &left).await?;
    ensure!(changed["principals"] == left["principals"] && changed["name"] == "ada", "{changed}");
    ensure!(changed["key"].is_null(), "a change shows no secret: {changed}");
    let (_, me) = ada.get("/cairn/v1/whoami").await?;
    ensure!(me["principals"] == left["principals"] && me["key_id"] == id.as_str(), "{me}");
    ensure!(!found(&ada, &store).await?, "the search is the group's still");
    let (_, again) = ask().await?;
    ensure!(!again.to_string().contains("eleventh"), "a retry gets the older answer: {again}");
    ensure!(ada.get(&kept).await?.0 == StatusCode::NOT_FOUND, "a stored answer tells it");
    ensure!(ada.get(&format!("/v1/files/{file}")).await?.0 == StatusCode::NOT_FOUND);

    let both = json!({"principals": ["user:ada", "group:board"], "name": null});
    let changed = scene.admin().json(Method::PATCH, &path, &both).await?;
    ensure!(changed["name"] == "", "{changed}");
    ensure!(found(&ada, &store).await? && ada.get(&kept).await?.0 == StatusCode::OK);
    scene.stop().await
}

#[tokio::test]
async fn a_key_ends_at_its_time_and_says_so_in_the_shape_of_each_protocol() -> Result<()> {
    let scene = Scene::start().await?;
    let ends = scene.services().now_seconds() + 2;
    let wish = json!({"tenant": "t", "role": "viewer", "expires_at": ends});
    let (id, caller) = made(&scene, &wish).await?;
    ensure!(listed(&scene, &id).await?["last_used_at"].is_null());
    ensure!(caller.get("/v1/models").await?.0 == StatusCode::OK);
    let shown = listed(&scene, &id).await?;
    ensure!(shown["expires_at"] == ends && shown["last_used_at"].is_number(), "{shown}");
    while scene.services().now_seconds() < ends {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    for path in ["/v1/models", "/v1/files", "/cairn/v1/whoami"] {
        let (status, told) = caller.get(path).await?;
        ensure!(status == StatusCode::UNAUTHORIZED, "{path}: {status} {told}");
        ensure!(told["error"]["code"] == "key_expired", "{path}: {told}");
        ensure!(told["error"]["type"] == "authentication_error", "{path}: {told}");
        let remedy = told["error"]["message"].to_string();
        ensure!(remedy.contains("expired") && remedy.contains(&id), "{path}: {told}");
    }
    let (status, told) = caller.get("/v2/models/none").await?;
    let said = told["error"].as_str().is_some_and(|said| said.contains("expired"));
    ensure!(status == StatusCode::UNAUTHORIZED && said, "{status} {told}");
    let forged = scene.with_key(&format!("{}0", caller.key));
    let (_, told) = forged.get("/v1/models").await?;
    ensure!(told["error"]["code"] == "invalid_api_key", "who only knows the id is told: {told}");

    let path = format!("{KEYS}/{id}");
    let rotate = format!("{path}/rotate");
    let (status, told) = scene.admin().try_json(Method::POST, &rotate, &json!({})).await?;
    ensure!(status == StatusCode::CONFLICT, "a new secret would open nothing: {told}");
    let never = json!({"expires_at": null});
    let changed = scene.admin().json(Method::PATCH, &path, &never).await?;
    ensure!(changed["expires_at"].is_null(), "{changed}");
    ensure!(caller.get("/v1/models").await?.0 == StatusCode::OK);
    let scene = scene.restart().await?;
    let shown = listed(&scene, &id).await?;
    ensure!(shown["last_used_at"].is_number(), "a restart forgets the last use: {shown}");
    scene.stop().await
}

#[tokio::test]
async fn a_rotated_key_has_a_new_secret_and_the_old_one_for_its_grace() -> Result<()> {
    let scene = Scene::start().await?;
    let wish = json!({"tenant": "t", "role": "viewer", "principals": ["user:ada"]});
    let (id, first) = made(&scene, &wish).await?;
    let rotate = format!("{KEYS}/{id}/rotate");
    let turned = scene.admin().json(Method::POST, &rotate, &json!({"grace_s": 3600})).await?;
    ensure!(turned["id"] == id.as_str() && turned["principals"] == json!(["user:ada"]), "{turned}");
    ensure!(turned["previous_secret_until"].is_number(), "{turned}");
    let second = scene.with_key(turned["key"].as_str().context("a key")?);
    for caller in [&first, &second] {
        let (_, me) = caller.get("/cairn/v1/whoami").await?;
        ensure!(me["key_id"] == id.as_str() && me["principals"] == json!(["user:ada"]), "{me}");
    }
    // An empty body is no grace.
    let sent = scene.admin().request(Method::POST, &rotate).send().await?;
    let (status, turned) = read(sent).await?;
    ensure!(status == StatusCode::OK, "{status} {turned}");
    let third = scene.with_key(turned["key"].as_str().context("a key")?);
    ensure!(third.get("/v1/models").await?.0 == StatusCode::OK);
    let (status, told) = second.get("/v1/models").await?;
    ensure!(status == StatusCode::UNAUTHORIZED, "{status} {told}");
    ensure!(told["error"]["code"] == "key_expired", "{told}");
    let (status, told) = first.get("/v1/models").await?;
    ensure!(status == StatusCode::UNAUTHORIZED, "two secrets ago: {told}");
    let shown = listed(&scene, &id).await?.to_string();
    for caller in [&first, &second, &third] {
        let secret = caller.key.rsplit('_').next().context("a secret")?;
        ensure!(!shown.contains(secret), "the list shows a secret");
    }
    scene.stop().await
}

#[tokio::test]
async fn what_does_not_fit_is_named_and_changes_nothing() -> Result<()> {
    let scene = Scene::start().await?;
    let (id, caller) = made(&scene, &json!({"tenant": "t", "role": "editor", "name": "n"})).await?;
    let before = listed(&scene, &id).await?;
    let (admin, path) = (scene.admin(), format!("{KEYS}/{id}"));
    let rotate = format!("{path}/rotate");
    let now = scene.services().now_seconds();
    let key = |field: &str, value: Value| {
        let mut body = json!({"tenant": "t", "role": "viewer"});
        body[field] = value;
        body
    };
    for (method, path, body, param) in [
        (Method::POST, KEYS, key("expires_at", json!(now - 1)), "expires_at"),
        (Method::POST, KEYS, key("expires_at", json!(now * 1000 + 60_000)), "expires_at"),
        (Method::POST, KEYS, key("expires_at", json!("2030")), "expires_at"),
        (Method::POST, KEYS, key("name", json!("n".repeat(257))), "name"),
        (Method::POST, KEYS, key("principals", json!(["a b"])), "principals"),
        (Method::PATCH, path.as_str(), json!({"expires_at": now}), "expires_at"),
        (Method::PATCH, path.as_str(), json!({"expires_at": 1.5}), "expires_at"),
        (Method::PATCH, path.as_str(), json!({"name": "n".repeat(257)}), "name"),
        (Method::PATCH, path.as_str(), json!({"principals": ["user:ada", ""]}), "principals"),
        (Method::PATCH, path.as_str(), json!({"principals": "user:ada"}), "principals"),
        (Method::POST, rotate.as_str(), json!({"grace_s": -1}), "grace_s"),
        (Method::POST, rotate.as_str(), json!({"grace_s": 604_801}), "grace_s"),
        (Method::POST, rotate.as_str(), json!({"grace_s": "1h"}), "grace_s"),
    ] {
        let (status, told) = admin.try_json(method.clone(), path, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{method} {path} {body}: {status} {told}");
        ensure!(told["error"]["param"] == param, "{method} {path} {body}: {told}");
    }
    // A word that is not understood would leave a key open that was meant to end.
    for (method, path, body, word) in [
        (Method::POST, KEYS, key("expires", json!(now + 60)), "expires"),
        (Method::PATCH, path.as_str(), json!({"role": "admin"}), "role"),
        (Method::POST, rotate.as_str(), json!({"grace": 5}), "grace"),
    ] {
        let (status, told) = admin.try_json(method, path, &body).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{body}: {status} {told}");
        ensure!(told["error"]["message"].to_string().contains(word), "{body}: {told}");
    }
    for (method, path) in [
        (Method::PATCH, format!("{KEYS}/nothing")),
        (Method::POST, format!("{KEYS}/nothing/rotate")),
    ] {
        let (status, told) = admin.try_json(method.clone(), &path, &json!({})).await?;
        ensure!(status == StatusCode::NOT_FOUND && told.to_string().contains("nothing"), "{told}");
        let (status, told) = caller.try_json(method, &path, &json!({})).await?;
        ensure!(status == StatusCode::FORBIDDEN, "an editor: {status} {told}");
    }
    ensure!(listed(&scene, &id).await?["name"] == before["name"]);
    ensure!(listed(&scene, &id).await?["expires_at"].is_null());
    ensure!(admin.delete(&path).await? == StatusCode::OK);
    for (method, path) in [(Method::PATCH, &path), (Method::POST, &rotate)] {
        let (status, told) = admin.try_json(method, path, &json!({})).await?;
        ensure!(status == StatusCode::CONFLICT && told.to_string().contains("revoked"), "{told}");
    }
    scene.stop().await
}

#[tokio::test]
async fn the_last_admin_key_is_not_locked_out() -> Result<()> {
    let scene = Scene::start().await?;
    let wish = json!({"tenant": "t", "role": "admin"});
    let (id, only) = made(&scene, &wish).await?;
    let path = format!("{KEYS}/{id}");
    let soon = json!({"expires_at": scene.services().now_seconds() + 600});
    let (status, told) = only.try_json(Method::PATCH, &path, &soon).await?;
    ensure!(status == StatusCode::CONFLICT, "{status} {told}");
    ensure!(told["error"]["code"] == "last_admin_key", "{told}");
    ensure!(only.delete(&path).await? == StatusCode::CONFLICT);
    ensure!(only.get(KEYS).await?.0 == StatusCode::OK);
    // What locks nobody out is allowed, and so is the rest once there is another.
    only.json(Method::PATCH, &path, &json!({"principals": ["user:root"]})).await?;
    let (other, _) = made(&scene, &wish).await?;
    only.json(Method::PATCH, &path, &soon).await?;
    let other = format!("{KEYS}/{other}");
    ensure!(only.delete(&other).await? == StatusCode::CONFLICT, "the first one ends");
    // A key of the configuration goes on, whatever becomes of the others.
    ensure!(scene.admin().delete(&other).await? == StatusCode::OK);
    // One that ends anyway may end sooner.
    let sooner = json!({"expires_at": scene.services().now_seconds() + 300});
    only.json(Method::PATCH, &path, &sooner).await?;
    ensure!(only.delete(&path).await? == StatusCode::OK);
    scene.stop().await
}
