use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene, read};

const FILES: usize = 20;

/// A word of file `n` in one of its versions, that stands nowhere else.
fn word(n: usize, version: u32) -> String {
    format!("quartz{n:03}v{version}zanzibar")
}

fn body(n: usize, version: u32) -> String {
    format!(
        "# Locker {n}\n\nThe locker number {n} of the station holds the parcel called {}.\n",
        word(n, version)
    )
}

/// A folder that a tenant's sources may read.
fn folder(scene: &Scene, tenant: &str) -> Result<PathBuf> {
    let folder = scene.data().join("shared").join(tenant);
    std::fs::create_dir_all(&folder)?;
    Ok(folder)
}

fn fill(folder: &Path) -> Result<()> {
    for n in 0..FILES {
        std::fs::write(folder.join(format!("locker-{n:02}.md")), body(n, 1))?;
    }
    Ok(())
}

/// A source of a folder that runs on request only; its id.
async fn add(caller: &Caller, store: &str, folder: &Path) -> Result<String> {
    let wish = json!({"vector_store_id": store, "every_seconds": 0,
        "config": {"type": "folder", "path": folder}});
    let made = caller.json(Method::POST, "/cairn/v1/sources", &wish).await?;
    Ok(made["id"].as_str().context("an id")?.to_owned())
}

/// The source once it rests.
pub(crate) async fn settled(caller: &Caller, source: &str) -> Result<Value> {
    for _ in 0..1200 {
        let (status, shown) = caller.get(&format!("/cairn/v1/sources/{source}")).await?;
        ensure!(status == StatusCode::OK, "{shown}");
        if !matches!(shown["status"].as_str(), Some("queued" | "syncing")) {
            return Ok(shown);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the source did not come to rest within a minute")
}

pub(crate) async fn sync(caller: &Caller, source: &str, how: Value) -> Result<Value> {
    caller.json(Method::POST, &format!("/cairn/v1/sources/{source}/sync"), &how).await?;
    settled(caller, source).await
}

/// The files of the hits that hold a word.
async fn holding(caller: &Caller, store: &str, query: &str, word: &str) -> Result<Vec<String>> {
    let query = json!({"query": query, "max_num_results": 50});
    let path = format!("/v1/vector_stores/{store}/search");
    let found = caller.json(Method::POST, &path, &query).await?;
    let hits = found["data"].as_array().context("hits")?;
    let files = hits.iter().filter(|hit| hit["content"].to_string().contains(word));
    Ok(files.filter_map(|hit| hit["file_id"].as_str().map(str::to_owned)).collect())
}

pub(crate) async fn found(caller: &Caller, store: &str, word: &str) -> Result<usize> {
    Ok(holding(caller, store, &format!("the parcel called {word}"), word).await?.len())
}

/// The items of a source by key.
async fn items(caller: &Caller, source: &str) -> Result<BTreeMap<String, Value>> {
    let (_, listed) = caller.get(&format!("/cairn/v1/sources/{source}/items?limit=1000")).await?;
    let listed = listed["data"].as_array().context("items")?.iter();
    let keyed =
        listed.map(|item| (item["key"].as_str().unwrap_or_default().to_owned(), item.clone()));
    Ok(keyed.collect())
}

#[tokio::test]
async fn a_store_follows_its_folder_and_nothing_is_there_twice() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let folder = folder(&scene, "station")?;
    fill(&folder)?;
    std::fs::write(folder.join("broken.pdf"), "this is no PDF")?;
    let source = add(&caller, &store, &folder).await?;
    let shown = settled(&caller, &source).await?;
    ensure!(shown["last_run"]["outcome"] == "completed", "{shown}");
    ensure!(shown["items"]["ready"] == FILES && shown["items"]["failed"] == 1, "{shown}");
    ensure!(shown["last_run"]["counts"]["failed"] == 1, "{shown}");
    for n in 0..FILES {
        ensure!(found(&caller, &store, &word(n, 1)).await? == 1, "file {n}");
    }
    let before = items(&caller, &source).await?;
    let broken = &before["broken.pdf"];
    ensure!(broken["state"] == "failed" && broken["error"].is_string(), "{broken}");
    ensure!(broken["retry_at"].is_null(), "the same bytes will not read better: {broken}");

    // Nothing changed: nothing is done.
    let shown = sync(&caller, &source, json!({})).await?;
    ensure!(shown["last_run"]["counts"]["unchanged"] == FILES, "{shown}");
    ensure!(shown["last_run"]["counts"]["added"] == 0, "{shown}");
    ensure!(items(&caller, &source).await? == before);

    change(&folder)?;
    let shown = sync(&caller, &source, json!({})).await?;
    let counts = &shown["last_run"]["counts"];
    // The renamed one is a new one and one that is gone.
    ensure!(counts["updated"] == 1 && counts["added"] == 1 && counts["deleted"] == 2, "{shown}");
    let after = items(&caller, &source).await?;
    ensure!(after["locker-03.md"]["file_id"] == before["locker-03.md"]["file_id"], "a touch");
    ensure!(after["locker-00.md"]["file_id"] != before["locker-00.md"]["file_id"], "a change");
    ensure!(!after.contains_key("locker-01.md") && after.contains_key("renamed.md"));
    for (word, times) in [(word(0, 1), 0), (word(0, 2), 1), (word(1, 1), 1), (word(2, 1), 0)] {
        ensure!(found(&caller, &store, &word).await? == times, "{word}");
    }
    let (_, listed) = caller.get("/v1/files?limit=100").await?;
    let files = listed["data"].as_array().context("files")?.len();
    ensure!(files == FILES, "19 lockers and the broken one, each once: {files}");

    gone_for_good(&scene, &caller).await?;
    scene.stop().await
}

/// One is changed, one renamed, one deleted, and one only looks changed.
fn change(folder: &Path) -> Result<()> {
    std::fs::write(folder.join("locker-00.md"), body(0, 2))?;
    std::fs::rename(folder.join("locker-01.md"), folder.join("renamed.md"))?;
    std::fs::remove_file(folder.join("locker-02.md"))?;
    std::fs::write(folder.join("locker-03.md"), body(3, 1))?;
    Ok(())
}

/// What is gone at the source has a certificate and is in no file.
async fn gone_for_good(scene: &Scene, caller: &Caller) -> Result<()> {
    scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    for word in [word(0, 1), word(2, 1)] {
        let held = scene.holding(&word)?;
        ensure!(held.is_empty(), "{word} is in {held:?}");
    }
    let (_, listed) = caller.get("/cairn/v1/erasures").await?;
    let erasures = listed["data"].as_array().context("erasures")?;
    let signed = |reason: &str| {
        let of = |erasure: &&Value| erasure["reason"] == reason && erasure["status"] == "completed";
        erasures.iter().filter(of).count()
    };
    ensure!(signed("removed") == 2 && signed("replaced") == 1, "{listed}");
    let clean = scene.admin().json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
    ensure!(clean["clean"] == true, "{clean}");
    Ok(())
}

#[tokio::test]
async fn a_changed_document_answers_in_one_version_at_every_moment() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let folder = folder(&scene, "station")?;
    std::fs::write(folder.join("locker.md"), body(7, 0))?;
    let source = add(&caller, &store, &folder).await?;
    settled(&caller, &source).await?;
    for version in 1..=4 {
        std::fs::write(folder.join("locker.md"), body(7, version))?;
        let path = format!("/cairn/v1/sources/{source}/sync");
        caller.json(Method::POST, &path, &json!({})).await?;
        loop {
            let query = "the parcel in locker number 7";
            let mut versions = holding(&caller, &store, query, "zanzibar").await?;
            if versions.is_empty() {
                // The index was asked before the newer version was in it, the records after.
                versions = holding(&caller, &store, query, "zanzibar").await?;
            }
            ensure!(versions.len() == 1, "version {version}: {versions:?}");
            let (_, shown) = caller.get(&format!("/cairn/v1/sources/{source}")).await?;
            if shown["status"] == "idle" {
                break;
            }
        }
        ensure!(found(&caller, &store, &word(7, version)).await? == 1);
    }
    // A version that cannot be read does not take the place of one that can.
    std::fs::write(
        folder.join("locker.md"),
        [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 99]].concat(),
    )?;
    let shown = sync(&caller, &source, json!({})).await?;
    ensure!(shown["items"]["failed"] == 1, "{shown}");
    ensure!(found(&caller, &store, &word(7, 4)).await? == 1, "{shown}");
    let (_, files) = caller.get("/v1/files").await?;
    ensure!(files["data"].as_array().is_some_and(|files| files.len() == 1), "{files}");
    // The next one that can be read does.
    std::fs::write(folder.join("locker.md"), body(7, 5))?;
    let shown = sync(&caller, &source, json!({})).await?;
    ensure!(shown["items"]["ready"] == 1, "{shown}");
    ensure!(found(&caller, &store, &word(7, 4)).await? == 0);
    ensure!(found(&caller, &store, &word(7, 5)).await? == 1);
    scene.stop().await
}

#[tokio::test]
async fn a_folder_that_seems_empty_waits_for_a_confirmation() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let folder = folder(&scene, "station")?;
    fill(&folder)?;
    let source = add(&caller, &store, &folder).await?;
    settled(&caller, &source).await?;
    let aside = scene.data().join("aside");
    std::fs::rename(&folder, &aside)?;
    let shown = sync(&caller, &source, json!({})).await?;
    ensure!(shown["last_run"]["outcome"] == "failed", "a folder that is not there: {shown}");
    ensure!(shown["items"]["ready"] == FILES, "{shown}");

    std::fs::create_dir(&folder)?;
    let shown = sync(&caller, &source, json!({})).await?;
    ensure!(shown["status"] == "on_hold", "{shown}");
    ensure!(shown["hold_reason"].as_str().is_some_and(|why| why.contains("20 of 20")), "{shown}");
    ensure!(found(&caller, &store, &word(5, 1)).await? == 1, "nothing was deleted");

    // It was not mounted, that was all.
    std::fs::remove_dir(&folder)?;
    std::fs::rename(&aside, &folder)?;
    let shown = sync(&caller, &source, json!({})).await?;
    ensure!(shown["status"] == "idle" && shown["hold_reason"].is_null(), "{shown}");
    ensure!(shown["items"]["ready"] == FILES, "{shown}");

    for n in 0..FILES {
        std::fs::remove_file(folder.join(format!("locker-{n:02}.md")))?;
    }
    ensure!(sync(&caller, &source, json!({})).await?["status"] == "on_hold");
    let shown = sync(&caller, &source, json!({"confirm_deletes": true})).await?;
    ensure!(shown["items"]["total"] == 0 && shown["status"] == "idle", "{shown}");
    ensure!(found(&caller, &store, &word(5, 1)).await? == 0);
    scene.stop().await
}

#[tokio::test]
async fn a_source_is_paused_changed_and_removed() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let folder = folder(&scene, "station")?;
    fill(&folder)?;
    let source = add(&caller, &store, &folder).await?;
    settled(&caller, &source).await?;
    let path = format!("/cairn/v1/sources/{source}");
    let paused = caller.json(Method::POST, &format!("{path}/pause"), &json!({})).await?;
    ensure!(paused["status"] == "paused", "{paused}");
    std::fs::write(folder.join("new.md"), body(50, 1))?;
    let (status, refused) =
        caller.try_json(Method::POST, &format!("{path}/sync"), &json!({})).await?;
    ensure!(status == StatusCode::CONFLICT && refused.to_string().contains("resume"), "{refused}");

    // It stays so over a restart, and goes on where it was.
    let key = caller.key.clone();
    drop(caller);
    let scene = scene.restart().await?;
    let caller = scene.with_key(&key);
    ensure!(caller.get(&path).await?.1["status"] == "paused");
    caller.json(Method::POST, &format!("{path}/resume"), &json!({})).await?;
    let shown = settled(&caller, &source).await?;
    ensure!(shown["items"]["ready"] == FILES + 1, "{shown}");
    ensure!(shown["last_run"]["counts"]["added"] == 1, "{shown}");

    // Leaving files out is like deleting them at the source.
    let less = json!({"name": "less", "config": {"type": "folder", "path": folder,
        "exclude": ["locker-0*"]}});
    let changed = caller.json(Method::PATCH, &path, &less).await?;
    ensure!(changed["name"] == "less" && changed["every_seconds"] == 0, "{changed}");
    let shown = settled(&caller, &source).await?;
    ensure!(shown["items"]["ready"] == FILES - 9, "{shown}");
    ensure!(found(&caller, &store, &word(5, 1)).await? == 0);

    // A file that somebody deletes stays deleted until it changes.
    let held = items(&caller, &source).await?;
    let file = held["new.md"]["file_id"].as_str().context("a file")?;
    ensure!(caller.delete(&format!("/v1/files/{file}")).await? == StatusCode::OK);
    let shown = sync(&caller, &source, json!({})).await?;
    ensure!(shown["items"]["removed"] == 1, "{shown}");
    ensure!(found(&caller, &store, &word(50, 1)).await? == 0);

    let removed = caller.request(Method::DELETE, &path).send().await?;
    let (status, removed) = crate::scene::read(removed).await?;
    ensure!(status == StatusCode::OK && removed["deleted"] == true, "{removed}");
    ensure!(caller.get(&path).await?.0 == StatusCode::NOT_FOUND);
    ensure!(found(&caller, &store, &word(15, 1)).await? == 0);
    let (_, files) = caller.get("/v1/files").await?;
    ensure!(files["data"].as_array().is_some_and(Vec::is_empty), "{files}");
    // They were there still: somebody wanted them gone, as for the file that was deleted by itself.
    let (_, listed) = caller.get("/cairn/v1/erasures?limit=100").await?;
    let erasures = listed["data"].as_array().context("erasures")?;
    let of = |reason: &str| erasures.iter().filter(|one| one["reason"] == reason).count();
    ensure!(of("removed") == 10 && of("requested") == FILES - 9, "{listed}");
    scene.stop().await
}

#[tokio::test]
async fn files_may_outlive_their_source_and_what_is_not_allowed_is_refused() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let folder = folder(&scene, "station")?;
    std::fs::write(folder.join("a.md"), body(1, 1))?;
    let source = add(&caller, &store, &folder).await?;
    settled(&caller, &source).await?;
    let create = |caller: Caller, config: Value| {
        let wish = json!({"vector_store_id": store, "config": config});
        async move { caller.try_json(Method::POST, "/cairn/v1/sources", &wish).await }
    };
    let same =
        json!({"type": "folder", "path": folder, "include": [], "exclude": [], "hidden": false});
    let (status, refused) = create(caller.clone(), same.clone()).await?;
    ensure!(status == StatusCode::CONFLICT && refused.to_string().contains(&source), "{refused}");
    for (config, expected, said) in [
        (json!({"type": "folder", "path": "/etc"}), StatusCode::FORBIDDEN, "[sources]"),
        (json!({"type": "folder", "path": "etc"}), StatusCode::BAD_REQUEST, "whole path"),
        (json!({"type": "folder"}), StatusCode::BAD_REQUEST, "path"),
        (json!({"type": "pigeon"}), StatusCode::BAD_REQUEST, "pigeon"),
        (
            json!({"type": "folder", "path": scene.data().join("shared/other")}),
            StatusCode::FORBIDDEN,
            "may not be read",
        ),
        (
            json!({"type": "folder", "path": folder.join("none")}),
            StatusCode::NOT_FOUND,
            "not there",
        ),
    ] {
        let (status, refused) = create(caller.clone(), config.clone()).await?;
        let message = refused["error"]["message"].as_str().unwrap_or_default();
        ensure!(status == expected && message.contains(said), "{config}: {status} {refused}");
    }
    let viewer = scene.tenant("station", "viewer").await?;
    ensure!(create(viewer, same).await?.0 == StatusCode::FORBIDDEN);

    let path = format!("/cairn/v1/sources/{source}?files=keep");
    ensure!(caller.delete(&path).await? == StatusCode::OK);
    ensure!(found(&caller, &store, &word(1, 1)).await? == 1, "its files remain");
    scene.stop().await
}

#[tokio::test]
async fn documents_of_a_source_answer_to_those_it_names() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let folder = folder(&scene, "station")?;
    std::fs::write(folder.join("a.md"), body(1, 1))?;
    let wish = json!({"vector_store_id": store, "every_seconds": 0,
        "attributes": {"cairn.access": "user:ada", "year": 1999},
        "config": {"type": "folder", "path": folder}});
    let made = caller.json(Method::POST, "/cairn/v1/sources", &wish).await?;
    let source = made["id"].as_str().context("an id")?.to_owned();
    settled(&caller, &source).await?;
    let ada = scene.speaking_for("station", "viewer", &["user:ada"]).await?;
    let bob = scene.speaking_for("station", "viewer", &["user:bob"]).await?;
    for version in 1..=2 {
        ensure!(found(&ada, &store, &word(1, version)).await? == 1);
        ensure!(found(&bob, &store, &word(1, version)).await? == 0);
        std::fs::write(folder.join("a.md"), body(1, version + 1))?;
        sync(&caller, &source, json!({})).await?;
    }
    let query = json!({"query": "parcel", "filters": {"type": "and", "filters": [
        {"type": "eq", "key": "path", "value": "a.md"},
        {"type": "eq", "key": "year", "value": 1999},
        {"type": "eq", "key": "source_id", "value": source},
        {"type": "gt", "key": "modified_at", "value": 1_500_000_000},
    ]}});
    let search = format!("/v1/vector_stores/{store}/search");
    let hits = ada.json(Method::POST, &search, &query).await?;
    ensure!(hits["data"].as_array().is_some_and(|hits| hits.len() == 1), "{hits}");
    scene.stop().await
}

/// The file that answers for an item, and its attributes.
async fn held(caller: &Caller, store: &str, source: &str, key: &str) -> Result<(String, Value)> {
    let items = items(caller, source).await?;
    let item = items.get(key).with_context(|| format!("{items:?}"))?;
    let file = item["file_id"].as_str().with_context(|| item.to_string())?.to_owned();
    let (_, shown) = caller.get(&format!("/v1/vector_stores/{store}/files/{file}")).await?;
    Ok((file, shown["attributes"].clone()))
}

/// Has a source looked at, while this caller must never find these words.
async fn sync_hidden(
    caller: &Caller,
    (store, source): (&str, &str),
    (outsider, words): (&Caller, &[String]),
) -> Result<()> {
    let path = format!("/cairn/v1/sources/{source}/sync");
    caller.json(Method::POST, &path, &json!({})).await?;
    loop {
        let (_, shown) = caller.get(&format!("/cairn/v1/sources/{source}")).await?;
        for word in words {
            ensure!(found(outsider, store, word).await? == 0, "{word} came open");
        }
        if shown["status"] == "idle" {
            return Ok(());
        }
    }
}

#[tokio::test]
async fn a_closed_document_stays_closed_when_it_changes_at_its_place() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let folder = folder(&scene, "station")?;
    std::fs::write(folder.join("a.md"), body(1, 1))?;
    let source = add(&caller, &store, &folder).await?;
    settled(&caller, &source).await?;
    let ada = scene.speaking_for("station", "viewer", &["user:ada"]).await?;
    let bob = scene.speaking_for("station", "viewer", &["user:bob"]).await?;
    let (first, given) = held(&caller, &store, &source, "a.md").await?;
    ensure!(given["path"] == "a.md" && found(&bob, &store, &word(1, 1)).await? == 1, "{given}");
    let list = |file: &str| format!("/cairn/v1/files/{file}/access");
    caller.json(Method::PUT, &list(&first), &json!({"access": ["user:ada"]})).await?;
    let own = json!({"attributes": {"office": "lost property", "path": "by hand"}});
    let attached = format!("/v1/vector_stores/{store}/files/{first}");
    caller.json(Method::POST, &attached, &own).await?;

    // Another version.
    std::fs::write(folder.join("a.md"), body(1, 2))?;
    let both = [word(1, 1), word(1, 2)];
    sync_hidden(&caller, (&store, &source), (&bob, &both)).await?;
    let (second, now) = held(&caller, &store, &source, "a.md").await?;
    ensure!(second != first && found(&ada, &store, &word(1, 2)).await? == 1, "{now}");
    ensure!(now["office"] == "lost property" && now["path"] == "a.md", "{now}");
    ensure!(now["source_id"] == source.as_str(), "{now}");
    let (_, shown) = caller.get(&list(&second)).await?;
    ensure!(shown["access"] == json!(["user:ada"]), "{shown}");
    ensure!(bob.get(&format!("/cairn/v1/files/{second}/text")).await?.0 == StatusCode::NOT_FOUND);

    // Only touched: the time of its change is an attribute that its source gives.
    let later = std::time::SystemTime::now() + Duration::from_secs(3600);
    std::fs::File::options().write(true).open(folder.join("a.md"))?.set_modified(later)?;
    sync_hidden(&caller, (&store, &source), (&bob, &both)).await?;
    let (same, touched) = held(&caller, &store, &source, "a.md").await?;
    ensure!(same == second && touched["modified_at"] != now["modified_at"], "{touched}");
    ensure!(touched["office"] == "lost property", "{touched}");

    // Opened by hand, it stays open.
    caller.json(Method::PUT, &list(&second), &json!({"access": ["public"]})).await?;
    std::fs::write(folder.join("a.md"), body(1, 3))?;
    sync(&caller, &source, json!({})).await?;
    ensure!(found(&bob, &store, &word(1, 3)).await? == 1);
    scene.stop().await
}

#[tokio::test]
async fn a_list_set_by_hand_is_not_widened_by_that_of_the_source() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let folder = folder(&scene, "station")?;
    std::fs::write(folder.join("a.md"), body(1, 1))?;
    std::fs::write(folder.join("b.md"), body(2, 1))?;
    let wish = json!({"vector_store_id": store, "every_seconds": 0,
        "attributes": {"cairn.access": "group:staff"},
        "config": {"type": "folder", "path": folder}});
    let made = caller.json(Method::POST, "/cairn/v1/sources", &wish).await?;
    let source = made["id"].as_str().context("an id")?.to_owned();
    settled(&caller, &source).await?;
    let ada = scene.speaking_for("station", "viewer", &["user:ada"]).await?;
    let staff = scene.speaking_for("station", "viewer", &["group:staff"]).await?;
    let (file, _) = held(&caller, &store, &source, "a.md").await?;
    let list = format!("/cairn/v1/files/{file}/access");
    caller.json(Method::PUT, &list, &json!({"access": ["user:ada"]})).await?;
    std::fs::write(folder.join("a.md"), body(1, 2))?;
    std::fs::write(folder.join("b.md"), body(2, 2))?;
    let closed = [word(1, 1), word(1, 2)];
    sync_hidden(&caller, (&store, &source), (&staff, &closed)).await?;
    ensure!(found(&ada, &store, &word(1, 2)).await? == 1);
    ensure!(found(&staff, &store, &word(2, 2)).await? == 1, "the source's own list holds");
    ensure!(found(&ada, &store, &word(2, 2)).await? == 0);
    scene.stop().await
}

#[tokio::test]
async fn a_deleted_store_leaves_the_files_of_its_sources_or_takes_them_along() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let folder = folder(&scene, "station")?;
    for n in 0..3 {
        std::fs::write(folder.join(format!("locker-{n:02}.md")), body(n, 1))?;
    }
    let (store, other) = (caller.store("lockers").await?, caller.store("chosen").await?);
    let source = add(&caller, &store, &folder).await?;
    settled(&caller, &source).await?;
    let held = items(&caller, &source).await?;
    let file = |n: usize| held[&format!("locker-{n:02}.md")]["file_id"].as_str().context("a file");
    let (own, _) = caller.ingest(&store, "own.md", b"What the station master wrote.").await?;
    // The first one is in another store too.
    let files = format!("/v1/vector_stores/{other}/files");
    caller.json(Method::POST, &files, &json!({"file_id": file(0)?})).await?;

    let delete = async |query: &str| -> Result<(StatusCode, Value)> {
        let path = format!("/v1/vector_stores/{store}{query}");
        read(caller.request(Method::DELETE, &path).send().await?).await
    };
    let (status, refused) = delete("?files=all").await?;
    ensure!(status == StatusCode::BAD_REQUEST && refused["error"]["param"] == "files", "{refused}");
    let (status, gone) = delete("?files=delete").await?;
    ensure!(status == StatusCode::OK, "{gone}");
    ensure!(gone["cairn"]["source_files"] == json!({"deleted": 2, "left": 1}), "{gone}");
    let (status, shown) = caller.get(&format!("/cairn/v1/sources/{source}")).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{shown}");
    for (file, expected) in [
        (file(0)?, StatusCode::OK),
        (file(1)?, StatusCode::NOT_FOUND),
        (file(2)?, StatusCode::NOT_FOUND),
        (own.as_str(), StatusCode::OK),
    ] {
        ensure!(caller.get(&format!("/v1/files/{file}")).await?.0 == expected, "{file}");
    }
    // Each has its certificate, for who asked.
    let (_, me) = caller.get("/cairn/v1/whoami").await?;
    let (_, erasures) = caller.get("/cairn/v1/erasures").await?;
    for n in 1..3 {
        let mut listed = erasures["data"].as_array().into_iter().flatten();
        let noted = file(n)?;
        let erasure = listed.find(|erasure| erasure["subject"] == noted);
        let erasure = erasure.with_context(|| format!("{noted} in {erasures}"))?;
        // Whoever came first, the call or the upkeep.
        ensure!(erasure["reason"] == "requested", "{erasure}");
        ensure!(erasure["requested_by"] == me["key_id"], "{erasure}");
    }

    // Unless it is asked for they remain, and that is said.
    let source = add(&caller, &other, &folder).await?;
    settled(&caller, &source).await?;
    let held = items(&caller, &source).await?;
    let path = format!("/v1/vector_stores/{other}");
    let (status, gone) = read(caller.request(Method::DELETE, &path).send().await?).await?;
    ensure!(status == StatusCode::OK, "{gone}");
    ensure!(gone["cairn"]["source_files"] == json!({"deleted": 0, "left": 3}), "{gone}");
    for (key, item) in &held {
        let file = item["file_id"].as_str().with_context(|| format!("{key}: {item}"))?;
        ensure!(caller.get(&format!("/v1/files/{file}")).await?.0 == StatusCode::OK, "{key}");
    }
    let without = caller.store("by hand").await?;
    let path = format!("/v1/vector_stores/{without}");
    let (_, gone) = read(caller.request(Method::DELETE, &path).send().await?).await?;
    ensure!(gone["cairn"].get("source_files").is_none(), "{gone}");
    scene.stop().await
}
