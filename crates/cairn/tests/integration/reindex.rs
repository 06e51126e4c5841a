use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene};

const FILES: usize = 30;

/// A word of document `n` that stands nowhere else.
fn planted(n: usize) -> String {
    format!("quartz{n:03}zanzibar")
}

fn document(n: usize) -> String {
    let word = planted(n);
    let filler = "The keeper of the station wrote it down and went on with the round. ".repeat(12);
    format!(
        "# Station {n}\n\nThis is the book of station {n}.\n\n## Lockers\n\nThe locker number {n} holds \
         the parcel called {word}. {filler}\n\n## Trains\n\nTrain {n} leaves at {} minutes past the hour. \
         {filler}\n\n| train | platform |\n|---|---|\n| {n} | {} |\n",
        n % 60,
        n % 12
    )
}

/// A store of documents; the files in the order of their numbers.
async fn library(caller: &Caller, store: &str, count: usize) -> Result<Vec<String>> {
    let mut files = Vec::new();
    for n in 0..count {
        let (status, made) =
            caller.try_upload(&format!("station-{n}.md"), document(n).into_bytes()).await?;
        ensure!(status.is_success(), "{made}");
        files.push(made["id"].as_str().context("a file")?.to_owned());
    }
    let path = format!("/v1/vector_stores/{store}/file_batches");
    caller.json(Method::POST, &path, &json!({"file_ids": files})).await?;
    settled(caller, store).await?;
    Ok(files)
}

/// Waits until no file of the store is being read.
async fn settled(caller: &Caller, store: &str) -> Result<()> {
    for _ in 0..1200 {
        let (_, shown) = caller.get(&format!("/v1/vector_stores/{store}")).await?;
        if shown["file_counts"]["in_progress"] == 0 {
            ensure!(shown["file_counts"]["failed"] == 0, "{shown}");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the files were not read within a minute")
}

fn path(store: &str) -> String {
    format!("/cairn/v1/vector_stores/{store}/reindex")
}

/// Waits until the re-index under way has ended; how it shows itself then.
async fn ended(caller: &Caller, store: &str) -> Result<Value> {
    for _ in 0..2400 {
        let (status, shown) = caller.get(&path(store)).await?;
        ensure!(status == StatusCode::OK, "{shown}");
        if shown["status"] != "in_progress" {
            return Ok(shown);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the re-index did not end within two minutes")
}

async fn search(caller: &Caller, store: &str, query: &str) -> Result<Vec<Value>> {
    let path = format!("/v1/vector_stores/{store}/search");
    let asked = json!({"query": query, "max_num_results": 20});
    let found = caller.json(Method::POST, &path, &asked).await?;
    Ok(found["data"].as_array().context("hits")?.clone())
}

fn text(hit: &Value) -> &str {
    hit["content"][0]["text"].as_str().unwrap_or_default()
}

/// Fails when a hit shows itself twice.
fn once(hits: &[Value]) -> Result<()> {
    let mut seen = HashSet::new();
    for hit in hits {
        let place = &hit["cairn"];
        let key = (
            hit["file_id"].to_string(),
            place["char_start"].to_string(),
            place["char_end"].to_string(),
        );
        ensure!(seen.insert(key), "twice: {hit}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_answers_all_the_while_it_is_cut_anew() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("stations", "editor").await?;
    let store = caller.store("stations").await?;
    let files = library(&caller, &store, FILES).await?;
    let (_, fresh) = caller.get(&path(&store)).await?;
    ensure!(fresh["status"] == "none" && fresh["active"]["generation"] == 1, "{fresh}");

    let stop = Arc::new(AtomicBool::new(false));
    let (asking, over, id) = (caller.clone(), Arc::clone(&stop), store.clone());
    let searches = async move {
        let mut asked = 0;
        while !over.load(Ordering::SeqCst) {
            // Documents that stay; each has its word once, in either generation.
            let n = 10 + asked % 15;
            let hits = search(&asking, &id, &format!("the parcel called {}", planted(n))).await?;
            once(&hits)?;
            let holding = hits.iter().filter(|hit| text(hit).contains(&planted(n))).count();
            ensure!(holding == 1, "search {asked} finds {} in {holding} of {}", n, hits.len());
            asked += 1;
        }
        Ok::<usize, anyhow::Error>(asked)
    };

    let (asking, id) = (caller.clone(), store.clone());
    let gone = files.clone();
    let changes = async move {
        let wish = json!({"chunking": {"type": "structure", "max_tokens": 120}});
        let begun = asking.json(Method::POST, &path(&id), &wish).await?;
        ensure!(begun["status"] == "in_progress" && begun["active"]["generation"] == 1, "{begun}");
        let (status, twice) = asking.try_json(Method::POST, &path(&id), &wish).await?;
        ensure!(status == StatusCode::CONFLICT, "{twice}");
        // Deleted, detached, attached and changed while it is under way, or just after.
        for file in &gone[0..3] {
            ensure!(asking.delete(&format!("/v1/files/{file}")).await? == StatusCode::OK);
        }
        for file in &gone[3..5] {
            let attached = format!("/v1/vector_stores/{id}/files/{file}");
            ensure!(asking.delete(&attached).await? == StatusCode::OK);
        }
        let (_, late) = asking.ingest(&id, "late.md", document(FILES).as_bytes()).await?;
        ensure!(late["status"] == "completed", "{late}");
        let attached = format!("/v1/vector_stores/{id}/files/{}", gone[25]);
        asking.json(Method::POST, &attached, &json!({"attributes": {"line": "north"}})).await?;
        let list = format!("/cairn/v1/files/{}/access", gone[26]);
        asking.json(Method::PUT, &list, &json!({"access": ["user:ada"]})).await?;
        let done = ended(&asking, &id).await?;
        stop.store(true, Ordering::SeqCst);
        Ok::<Value, anyhow::Error>(done)
    };
    let (asked, done) = tokio::try_join!(searches, changes)?;
    ensure!(asked > 0, "no search was made");
    ensure!(done["status"] == "completed" && done["active"]["generation"] == 2, "{done}");
    // How many there were at the flip depends on how soon it was.
    ensure!(done["run"]["report"]["files"].as_u64().context("files")? >= 25, "{done}");
    ensure!(done["run"]["report"]["recall_at_10"].as_f64().context("a recall")? > 0.3, "{done}");
    ensure!(done["active"]["chunking"]["type"] == "structure", "{done}");

    for n in 0..5 {
        let hits = search(&caller, &store, &planted(n)).await?;
        ensure!(hits.iter().all(|hit| !text(hit).contains(&planted(n))), "{n} came back");
    }
    let late = search(&caller, &store, &format!("parcel called {}", planted(FILES))).await?;
    ensure!(late.iter().any(|hit| text(hit).contains(&planted(FILES))), "what came is missing");
    let hidden = search(&caller, &store, &format!("parcel called {}", planted(26))).await?;
    ensure!(hidden.iter().all(|hit| !text(hit).contains(&planted(26))), "a list was forgotten");
    let filter =
        json!({"query": "parcel", "filters": {"type": "eq", "key": "line", "value": "north"}});
    let found = format!("/v1/vector_stores/{store}/search");
    let north = caller.json(Method::POST, &found, &filter).await?;
    let north = north["data"].as_array().context("hits")?;
    ensure!(!north.is_empty() && north.iter().all(|hit| hit["file_id"] == files[25].as_str()));
    for hit in search(&caller, &store, "which train leaves from the platform").await? {
        ensure!(!(text(&hit).contains("Lockers") && text(&hit).contains("Trains")), "{hit}");
    }

    scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    for n in 0..3 {
        let held = scene.holding(&planted(n))?;
        ensure!(held.is_empty(), "document {n} is in {held:?} after the purge");
    }
    let index = scene.data().join("index");
    ensure!(!index.join(&store).exists() && index.join(format!("{store}-g2")).exists());
    let verified = scene.admin().json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
    ensure!(verified["clean"] == true, "{verified}");
    scene.stop().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_chunk_is_found_and_the_large_one_is_shown() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("stations", "editor").await?;
    let store = caller.store("families").await?;
    let (status, file) = caller.try_upload("station.md", document(7).into_bytes()).await?;
    ensure!(status.is_success(), "{file}");
    let id = file["id"].as_str().context("a file")?;
    let chunking = json!({"type": "parent_child", "child_tokens": 32, "parent_tokens": 300});
    let attach = json!({"file_id": id, "cairn": {"chunking": chunking}});
    let files = format!("/v1/vector_stores/{store}/files");
    caller.json(Method::POST, &files, &attach).await?;
    settled(&caller, &store).await?;
    let (_, shown) = caller.get(&format!("{files}/{id}")).await?;
    ensure!(shown["chunking_strategy"]["type"] == "other", "{shown}");
    ensure!(shown["cairn"]["chunking"]["type"] == "parent_child", "{shown}");

    let hits = search(&caller, &store, &format!("the parcel called {}", planted(7))).await?;
    once(&hits)?;
    let hit = hits.first().context("a hit")?;
    let (_, whole) = caller.get(&format!("/cairn/v1/files/{id}/text")).await?;
    let chars: Vec<char> = whole["text"].as_str().context("a text")?.chars().collect();
    let part = |from: &str, to: &str| -> Result<String> {
        let at = |name: &str| -> Result<usize> {
            Ok(usize::try_from(hit["cairn"][name].as_u64().with_context(|| name.to_owned())?)?)
        };
        Ok(chars[at(from)?..at(to)?].iter().collect())
    };
    ensure!(part("char_start", "char_end")? == text(hit), "{hit}");
    let found = part("match_start", "match_end")?;
    ensure!(found.contains(&planted(7)) && text(hit).contains(&found), "{found}");
    ensure!(found.len() * 2 < text(hit).len(), "the large chunk is not large: {hit}");

    let question = "What is the parcel called that the locker number 7 holds?";
    let answer = caller.ask(&store, question).await?;
    let messages = answer["output"].as_array().context("an output")?;
    let message = messages.iter().find(|item| item["type"] == "message").context("a message")?;
    let cited = &message["content"][0]["annotations"][0]["cairn"];
    let at = |name: &str| -> Result<usize> {
        Ok(usize::try_from(cited[name].as_u64().with_context(|| answer.to_string())?)?)
    };
    let quoted: String = chars[at("char_start")?..at("char_end")?].iter().collect();
    ensure!(cited["quote"] == quoted.as_str() && quoted.contains(&planted(7)), "{cited}");
    scene.stop().await
}

/// How many indexes a store has on disk.
fn indexes(scene: &Scene, store: &str) -> Result<usize> {
    let entries = std::fs::read_dir(scene.data().join("index"))?;
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    Ok(names.filter(|name| name.starts_with(store)).count())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_goes_on_and_a_cancel_leaves_nothing() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("stations", "editor").await?;
    let store = caller.store("stations").await?;
    library(&caller, &store, 12).await?;
    let missing = caller.request(Method::DELETE, &path(&store)).send().await?.status();
    ensure!(missing == StatusCode::NOT_FOUND, "nothing is under way");

    caller.json(Method::POST, &path(&store), &json!({})).await?;
    let cancelled = caller.request(Method::DELETE, &path(&store)).send().await?;
    let (status, shown) = crate::scene::read(cancelled).await?;
    // It may have been over already.
    ensure!(status == StatusCode::OK || status == StatusCode::NOT_FOUND, "{shown}");
    let first = ended(&caller, &store).await?;
    ensure!(first["status"] == "cancelled" || first["status"] == "completed", "{first}");
    scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    let verified = scene.admin().json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
    ensure!(verified["clean"] == true, "{verified}");
    ensure!(indexes(&scene, &store)? == 1, "more than one index of a store");

    let wish = json!({"chunking": {"type": "parent_child", "child_tokens": 48}});
    caller.json(Method::POST, &path(&store), &wish).await?;
    let key = caller.key.clone();
    drop(caller);
    let scene = scene.restart().await?;
    let caller = scene.with_key(&key);
    let done = ended(&caller, &store).await?;
    ensure!(done["status"] == "completed", "{done}");
    let hits = search(&caller, &store, &planted(3)).await?;
    once(&hits)?;
    ensure!(hits.iter().any(|hit| text(hit).contains(&planted(3))), "{hits:?}");
    scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    let verified = scene.admin().json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
    ensure!(verified["clean"] == true, "{verified}");
    // A deleted store goes with all its generations.
    caller.json(Method::POST, &path(&store), &json!({})).await?;
    ensure!(caller.delete(&format!("/v1/vector_stores/{store}")).await? == StatusCode::OK);
    scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    ensure!(scene.holding(&planted(3))?.len() <= 2, "only the file and its text are left");
    scene.stop().await
}

#[tokio::test]
async fn what_cannot_be_done_says_so() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("stations", "editor").await?;
    let store = caller.store("stations").await?;
    let refused = async |wish: Value| caller.try_json(Method::POST, &path(&store), &wish).await;
    let (status, body) = refused(json!({"embedding_model": "nobody"})).await?;
    ensure!(status == StatusCode::NOT_FOUND && body.to_string().contains("nobody"), "{body}");
    let (status, body) =
        refused(json!({"chunking": {"type": "structure", "max_tokens": 5}})).await?;
    ensure!(status == StatusCode::BAD_REQUEST && body.to_string().contains("max_tokens"), "{body}");
    let viewer = scene.tenant("stations", "viewer").await?;
    let (status, _) = viewer.try_json(Method::POST, &path(&store), &json!({})).await?;
    ensure!(status == StatusCode::FORBIDDEN);
    ensure!(viewer.get(&path(&store)).await?.0 == StatusCode::OK);
    let made = json!({"name": "x", "cairn": {"embedding_model": "nobody"}});
    let (status, _) = caller.try_json(Method::POST, "/v1/vector_stores", &made).await?;
    ensure!(status == StatusCode::NOT_FOUND);
    let made = json!({"name": "own", "cairn": {"chunking": {"type": "structure"}}});
    let made = caller.json(Method::POST, "/v1/vector_stores", &made).await?;
    let own = made["id"].as_str().context("a store")?;
    caller.ingest(own, "station.md", document(1).as_bytes()).await?;
    let (_, listed) = caller.get(&format!("/v1/vector_stores/{own}/files")).await?;
    ensure!(listed["data"][0]["cairn"]["chunking"]["type"] == "structure", "{listed}");
    scene.stop().await
}

/// What a question about its locker is answered with from a document's store: the citation of the
/// parcel's name.
async fn cited(caller: &Caller, store: &str, n: usize) -> Result<Value> {
    let question = format!("Which locker holds the parcel called {}?", planted(n));
    let answer = caller.ask(store, &question).await?;
    let items = answer["output"].as_array().context("an output")?;
    let message = items.iter().find(|item| item["type"] == "message").context("a message")?;
    let citations = message["content"][0]["annotations"].as_array().context("citations")?;
    let named = citations
        .iter()
        .map(|one| &one["cairn"])
        .find(|cairn| cairn["quote"].as_str().is_some_and(|quote| quote.contains(&planted(n))));
    Ok(named.with_context(|| answer.to_string())?.clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn texts_are_read_anew_and_each_chunk_stays_with_its_own() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("stations", "editor").await?;
    let (store, other) = (caller.store("stations").await?, caller.store("other").await?);
    let (first, _) = caller.ingest(&store, "station-0.md", document(0).as_bytes()).await?;
    let (second, _) = caller.ingest(&store, "station-1.md", document(1).as_bytes()).await?;
    let attach = format!("/v1/vector_stores/{other}/files");
    caller.json(Method::POST, &attach, &json!({"file_id": first})).await?;
    settled(&caller, &other).await?;

    // As if the program had learned to read more of the first file, and no longer the second one.
    let more = "The preface was printed in small letters that nobody could make out. ".repeat(40);
    let better = format!("# Preface\n\nIt names the feldsparcodex. {more}\n\n{}", document(0));
    let program = [b"\x7fELF\x02\x01\x01".as_slice(), &[0; 99]].concat();
    for (n, file, bytes) in [(0, &first, better.into_bytes()), (1, &second, program)] {
        let held = scene.holding(&planted(n))?;
        let name = std::ffi::OsStr::new(file.as_str());
        let blob = held.iter().find(|path| path.file_name() == Some(name));
        std::fs::write(blob.with_context(|| format!("{held:?}"))?, bytes)?;
    }
    caller.json(Method::POST, &path(&store), &json!({})).await?;
    let done = ended(&caller, &store).await?;
    ensure!(done["status"] == "completed", "{done}");
    ensure!(done["run"]["report"].get("texts_changed").is_none(), "{done}");
    let new = async |store: &str| -> Result<bool> {
        let hits =
            search(&caller, store, "Which codex does the preface name? feldsparcodex").await?;
        Ok(hits.iter().any(|hit| text(hit).contains("feldsparcodex")))
    };
    ensure!(!new(&store).await?, "the kept text is used unless it is asked for otherwise");

    caller.json(Method::POST, &path(&store), &json!({"reparse": true})).await?;
    let done = ended(&caller, &store).await?;
    let report = &done["run"]["report"];
    ensure!(done["status"] == "completed" && report["files"] == 2, "{done}");
    ensure!(report["texts_changed"] == 1 && report["files_unread"] == 1, "{done}");
    ensure!(new(&store).await? && !new(&other).await?, "the other store is as it was");
    for (n, file) in [(0, &first), (1, &second)] {
        let place = cited(&caller, &store, n).await?;
        ensure!(place["heading"] == format!("Station {n} › Lockers"), "{place}");
        let (start, end) = (&place["char_start"], &place["char_end"]);
        let part = format!("/cairn/v1/files/{file}/text?start={start}&end={end}");
        let (_, shown) = caller.get(&part).await?;
        ensure!(shown["text"] == place["quote"], "{shown} is not {place}");
    }
    // In the other store quotes have the places, and the headings, of the text they are from.
    let place = cited(&caller, &other, 0).await?;
    ensure!(place["heading"] == "Station 0 › Lockers", "{place}");
    ensure!(place["char_start"].as_u64() < Some(1_000), "{place}");
    let asked = json!({"query": planted(0), "cairn": {"expand": "section"}});
    let found = format!("/v1/vector_stores/{other}/search");
    let found = caller.json(Method::POST, &found, &asked).await?;
    ensure!(text(&found["data"][0]).contains(&planted(0)), "{found}");

    caller.json(Method::POST, &path(&other), &json!({"reparse": true})).await?;
    let done = ended(&caller, &other).await?;
    ensure!(done["status"] == "completed" && new(&other).await?, "{done}");
    scene.stop().await
}
