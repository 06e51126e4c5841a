//! What is deleted while an answer is under way, what is deleted with a store, and what a lost
//! answer leaves behind.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::provenance::scripted;
use crate::scene::{Caller, Scene, read};

const TOWER: &str = "# Tower\n\nThe last keeper of the Orrin tower was Ida Thorvald. \
     She left the tower in the spring of 1989.\n";
const SAID: &str = "The last keeper of the Orrin tower was Ida Thorvald [1].";
const QUESTION: &str = "Who was the last keeper of the Orrin tower?";
/// Pieces of three characters until the name.
const BEFORE_THE_NAME: usize = 13;

fn id(value: &Value) -> Result<String> {
    Ok(value["id"].as_str().with_context(|| format!("no id in {value}"))?.to_owned())
}

fn question(stores: &[&str], more: &Value) -> Value {
    let mut body = json!({"model": "writer", "input": QUESTION,
        "tools": [{"type": "file_search", "vector_store_ids": stores}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

/// What is deleted in turn: the only file, the store.
async fn deletes(caller: &Caller, store: &str) -> Result<[String; 2]> {
    let (_, files) = caller.get("/v1/files").await?;
    let file = id(&files["data"][0])?;
    Ok([format!("/v1/files/{file}"), format!("/v1/vector_stores/{store}")])
}

#[tokio::test]
async fn an_answer_that_ends_after_a_delete_has_no_word_of_it() -> Result<()> {
    for number in 0..2 {
        let (scene, behind, caller, store) = scripted(|_| SAID.to_owned()).await?;
        caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
        let delete = deletes(&caller, &store).await?[number].clone();
        behind.allow(BEFORE_THE_NAME);
        // What is not kept is not quoted either.
        let more = json!({"store": false, "include": ["file_search_call.results"]});
        let mut asking = JoinSet::new();
        let (asker, body) = (caller.clone(), question(&[&store], &more));
        asking.spawn(async move { asker.try_json(Method::POST, "/v1/responses", &body).await });
        behind.was_asked(1).await?;
        ensure!(caller.delete(&delete).await? == StatusCode::OK);
        behind.allow(usize::MAX);
        let (status, told) = asking.join_next().await.context("an answer")???;
        ensure!(status == StatusCode::CONFLICT, "{delete}: {told}");
        ensure!(told["error"]["code"] == "source_deleted", "{told}");
        ensure!(!told.to_string().contains("Thorvald"), "{told}");
        scene.stop().await?;
    }
    Ok(())
}

/// Reads a stream until `enough` of it came, or to its end.
async fn read_on(sent: &mut reqwest::Response, enough: impl Fn(&str) -> bool) -> Result<String> {
    let mut text = String::new();
    while !enough(&text) {
        let piece = tokio::time::timeout(Duration::from_secs(20), sent.chunk()).await;
        let Some(piece) = piece.with_context(|| format!("no more behind: {text}"))?? else { break };
        text.push_str(&String::from_utf8_lossy(&piece));
    }
    Ok(text)
}

#[tokio::test]
async fn a_stream_ends_with_an_error_before_it_sends_more_of_what_was_deleted() -> Result<()> {
    for (number, store_it) in [(0, false), (0, true), (1, false)] {
        let (scene, behind, caller, store) = scripted(|_| SAID.to_owned()).await?;
        caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
        let delete = deletes(&caller, &store).await?[number].clone();
        behind.allow(BEFORE_THE_NAME);
        let body = question(&[&store], &json!({"stream": true, "store": store_it}));
        let mut sent = caller.request(Method::POST, "/v1/responses").json(&body).send().await?;
        let before = read_on(&mut sent, |text| text.contains("output_text.delta")).await?;
        ensure!(!before.contains("Thorvald"), "{before}");
        ensure!(caller.delete(&delete).await? == StatusCode::OK);
        behind.allow(usize::MAX);
        let after = read_on(&mut sent, |_| false).await?;
        ensure!(after.contains("event: error") && after.contains("source_deleted"), "{after}");
        ensure!(!after.contains("Thorvald") && !after.contains("response.completed"), "{after}");
        scene.stop().await?;
    }
    Ok(())
}

/// The same question as a chat with the store.
fn chat(store: &str) -> Value {
    json!({"model": format!("store/{store}"), "cairn": {"model": "writer"},
        "messages": [{"role": "user", "content": QUESTION}]})
}

#[tokio::test]
async fn a_chat_with_a_store_that_ends_after_a_delete_has_no_word_of_it() -> Result<()> {
    for number in 0..2 {
        let (scene, behind, caller, store) = scripted(|_| SAID.to_owned()).await?;
        caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
        let delete = deletes(&caller, &store).await?[number].clone();
        behind.allow(BEFORE_THE_NAME);
        let mut asking = JoinSet::new();
        let (asker, body) = (caller.clone(), chat(&store));
        asking.spawn(
            async move { asker.try_json(Method::POST, "/v1/chat/completions", &body).await },
        );
        behind.was_asked(1).await?;
        ensure!(caller.delete(&delete).await? == StatusCode::OK);
        behind.allow(usize::MAX);
        let (status, told) = asking.join_next().await.context("an answer")???;
        ensure!(status == StatusCode::CONFLICT, "{delete}: {told}");
        ensure!(told["error"]["code"] == "source_deleted", "{told}");
        ensure!(!told.to_string().contains("Thorvald"), "{told}");
        scene.stop().await?;
    }
    Ok(())
}

#[tokio::test]
async fn who_follows_a_background_answer_is_told_that_its_source_went() -> Result<()> {
    let (scene, behind, caller, store) = scripted(|_| SAID.to_owned()).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let delete = deletes(&caller, &store).await?[0].clone();
    behind.allow(BEFORE_THE_NAME);
    let body = question(&[&store], &json!({"background": true}));
    let begun = caller.json(Method::POST, "/v1/responses", &body).await?;
    let path = format!("/v1/responses/{}", id(&begun)?);
    behind.was_asked(1).await?;
    ensure!(caller.delete(&delete).await? == StatusCode::OK);
    // The model waits still; what it said until now is not told any more.
    let follow = format!("{path}?stream=true");
    let told = caller.request(Method::GET, &follow).send().await?.text().await?;
    ensure!(told.contains("source_deleted") && !told.contains("output_text.delta"), "{told}");
    behind.allow(usize::MAX);
    let mut answer = Value::Null;
    for _ in 0..400 {
        answer = caller.get(&path).await?.1;
        if answer["status"] == "failed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    ensure!(answer["status"] == "failed" && answer["output"] == json!([]), "{answer}");
    scene.stop().await
}

/// Attaches a file that is there already, and waits until it is read.
async fn attach(caller: &Caller, store: &str, file: &str) -> Result<()> {
    let files = format!("/v1/vector_stores/{store}/files");
    caller.json(Method::POST, &files, &json!({"file_id": file})).await?;
    for _ in 0..600 {
        let (_, state) = caller.get(&format!("{files}/{file}")).await?;
        if state["status"] == "completed" {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{file} was not read within 30 s")
}

async fn told(caller: &Caller, path: &str) -> Result<bool> {
    let (status, body) = caller.get(path).await?;
    ensure!(status == StatusCode::OK, "{path}: {body}");
    Ok(body.to_string().contains("Thorvald"))
}

/// Deletes a store; what the delete says it destroyed.
async fn delete_store(caller: &Caller, store: &str) -> Result<Value> {
    let path = format!("/v1/vector_stores/{store}");
    let (status, gone) = read(caller.request(Method::DELETE, &path).send().await?).await?;
    ensure!(status == StatusCode::OK, "{gone}");
    let erasure = gone["cairn"]["erasure"].as_str().context("an erasure")?;
    Ok(caller.get(&format!("/cairn/v1/erasures/{erasure}")).await?.1["destroyed"].clone())
}

#[tokio::test]
async fn with_a_store_goes_what_was_quoted_through_it_alone() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("orrin", "editor").await?;
    let (one, other) = (caller.store("one").await?, caller.store("other").await?);
    let (file, _) = caller.ingest(&one, "tower.md", TOWER.as_bytes()).await?;
    attach(&caller, &other, &file).await?;
    let talk = id(&caller.json(Method::POST, "/v1/conversations", &json!({})).await?)?;
    let ask = async |stores: &[&str], more: Value| {
        let mut body = question(stores, &more);
        body["model"] = json!("cairn");
        let answer = caller.json(Method::POST, "/v1/responses", &body).await?;
        ensure!(answer.to_string().contains("Thorvald"), "{answer}");
        id(&answer)
    };
    let results = json!({"include": ["file_search_call.results"], "conversation": talk});
    let alone = ask(&[one.as_str()], results).await?;
    let both = ask(&[one.as_str(), other.as_str()], json!({})).await?;
    // What follows rests on what came before, whatever store it asks itself.
    let body = json!({"model": "cairn", "input": "Was it spring when she left?",
        "previous_response_id": alone,
        "tools": [{"type": "file_search", "vector_store_ids": [one]}]});
    let next = id(&caller.json(Method::POST, "/v1/responses", &body).await?)?;
    let path = |id: &str| format!("/v1/responses/{id}");
    let items = format!("/v1/conversations/{talk}/items?include[]=file_search_call.results");
    ensure!(told(&caller, &items).await?, "nothing is tested");

    // Out of the store is not away: it is not found there any more, and what was said stays.
    let detached = format!("/v1/vector_stores/{one}/files/{file}");
    ensure!(caller.delete(&detached).await? == StatusCode::OK);
    ensure!(told(&caller, &path(&alone)).await? && told(&caller, &items).await?);

    let destroyed = delete_store(&caller, &one).await?;
    for gone in [path(&alone), format!("{}/input_items", path(&next)), items.clone()] {
        ensure!(!told(&caller, &gone).await?, "{gone} still has it");
    }
    let (_, left) = caller.get(&path(&next)).await?;
    ensure!(!left.to_string().contains("1989"), "{left}");
    ensure!(told(&caller, &path(&both)).await?, "the other store has it");
    let scrubbed = destroyed["scrubbed"].to_string();
    ensure!(scrubbed.contains(&alone) && scrubbed.contains(&next), "{destroyed}");
    ensure!(!scrubbed.contains(&both), "{destroyed}");
    let count = destroyed["scrubbed"]["conversation_items"].as_array().map(Vec::len);
    ensure!(count.is_some_and(|count| count >= 2), "{destroyed}");
    // The file is there, and its passage is told to be detached, not deleted.
    ensure!(caller.get(&format!("/v1/files/{file}")).await?.0 == StatusCode::OK);
    let replay = format!("/cairn/v1/responses/{alone}/replay");
    let replayed = caller.json(Method::POST, &replay, &json!({})).await?;
    ensure!(replayed["passages"][0]["reason"] == "detached", "{replayed}");

    let destroyed = delete_store(&caller, &other).await?;
    ensure!(destroyed["scrubbed"]["responses"] == json!([both]), "{destroyed}");
    ensure!(!told(&caller, &path(&both)).await?);
    scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    // The file itself still has it, and so has its text; the answers do not.
    ensure!(caller.delete(&format!("/v1/files/{file}")).await? == StatusCode::OK);
    scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    ensure!(scene.holding("Ida Thorvald")?.is_empty(), "it is still on the disk");
    scene.stop().await
}

/// Asks as the stock client does that tries again by itself; whether it was told before.
async fn try_again(caller: &Caller, tries: u32, body: &Value) -> Result<(bool, Value)> {
    let request = caller.request(Method::POST, "/v1/responses");
    let request = request.header("x-stainless-retry-count", tries.to_string());
    let answer = request.json(body).send().await?;
    let replayed = answer.headers().contains_key("idempotent-replayed");
    let (status, told) = read(answer).await?;
    ensure!(status == StatusCode::OK, "{told}");
    Ok((replayed, told))
}

async fn items(caller: &Caller, talk: &str) -> Result<usize> {
    let (_, listed) = caller.get(&format!("/v1/conversations/{talk}/items?limit=100")).await?;
    Ok(listed["data"].as_array().context("items")?.len())
}

#[tokio::test]
async fn a_question_whose_answer_was_lost_is_one_turn_of_its_conversation() -> Result<()> {
    let (scene, behind, caller, store) = scripted(|_| SAID.to_owned()).await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let talk = id(&caller.json(Method::POST, "/v1/conversations", &json!({})).await?)?;
    let body = question(&[&store], &json!({"conversation": talk}));
    let (_, first) = try_again(&caller, 0, &body).await?;
    let turn = items(&caller, &talk).await?;
    for tries in 1..3 {
        let (replayed, again) = try_again(&caller, tries, &body).await?;
        ensure!(replayed && again["id"] == first["id"], "{again}");
        ensure!(items(&caller, &talk).await? == turn, "try {tries}");
    }
    // The same question put anew is meant.
    let (replayed, second) = try_again(&caller, 0, &body).await?;
    ensure!(!replayed && second["id"] != first["id"], "{second}");
    ensure!(items(&caller, &talk).await? == 2 * turn);

    // One that is under way when it comes again is waited for.
    let asked = behind.asked().len();
    behind.allow(BEFORE_THE_NAME);
    let body = question(&[&store], &json!({"conversation": talk, "metadata": {"n": "3"}}));
    let mut lost = JoinSet::new();
    let (asker, same) = (caller.clone(), body.clone());
    lost.spawn(async move { try_again(&asker, 0, &same).await });
    behind.was_asked(asked + 1).await?;
    drop(lost);
    let mut again = JoinSet::new();
    let asker = caller.clone();
    again.spawn(async move { try_again(&asker, 1, &body).await });
    tokio::time::sleep(Duration::from_millis(300)).await;
    ensure!(again.try_join_next().is_none(), "it waits for the first try");
    behind.allow(usize::MAX);
    let (replayed, told) = again.join_next().await.context("an answer")???;
    ensure!(replayed && told.to_string().contains("Thorvald"), "{told}");
    ensure!(behind.asked().len() == asked + 1, "the model was asked twice");
    ensure!(items(&caller, &talk).await? == 3 * turn);

    // So is a stream, and what was remembered goes with its file.
    let body = question(&[&store], &json!({"conversation": talk, "stream": true}));
    let (_, streamed) = try_again(&caller, 0, &body).await?;
    let (replayed, again) = try_again(&caller, 1, &body).await?;
    ensure!(replayed && again == streamed, "{again}");
    ensure!(items(&caller, &talk).await? == 4 * turn);
    let delete = deletes(&caller, &store).await?[0].clone();
    ensure!(caller.delete(&delete).await? == StatusCode::OK);
    let (replayed, anew) = try_again(&caller, 1, &body).await?;
    ensure!(!replayed && !anew.to_string().contains("Thorvald"), "{anew}");
    scene.stop().await
}

#[tokio::test]
async fn a_background_answer_is_begun_once() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("orrin", "editor").await?;
    let store = caller.store("places").await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let mut body = question(&[&store], &json!({"background": true}));
    body["model"] = json!("cairn");
    let (_, first) = try_again(&caller, 0, &body).await?;
    let (replayed, again) = try_again(&caller, 1, &body).await?;
    ensure!(replayed && again["id"] == first["id"], "{again}");
    // A plain question changes nothing that a client sees, so it is simply asked again.
    let mut body = question(&[&store], &json!({}));
    body["model"] = json!("cairn");
    let (_, first) = try_again(&caller, 0, &body).await?;
    let (replayed, again) = try_again(&caller, 1, &body).await?;
    ensure!(!replayed && again["id"] != first["id"], "{again}");
    scene.stop().await
}
