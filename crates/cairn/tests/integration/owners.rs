//! Answers and conversations belong to who made them: for other viewers of the tenant they are
//! not there.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::provenance::scripted;
use crate::scene::{Caller, Scene, read};

const TOWER: &str = "# Tower\n\nThe last keeper of the Orrin tower was Ida Thorvald. \
     She left the tower in the spring of 1989.\n";
const SAID: &str = "The last keeper of the Orrin tower was Ida Thorvald [1].";
const QUESTION: &str = "Who was the last keeper of the Orrin tower?";
/// Pieces of three characters until the name.
const BEFORE_THE_NAME: usize = 13;
/// Under this key Ada asked.
const KEY: &str = "the-same-key";

fn id(value: &Value, pointer: &str) -> Result<String> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    Ok(found.with_context(|| format!("no {pointer} in {value}"))?.to_owned())
}

/// What somebody made.
struct Made {
    response: String,
    compaction: String,
    conversation: String,
    item: String,
}

/// A request that names what somebody made.
struct Asked {
    method: Method,
    path: String,
    body: Option<Value>,
}

fn question(store: &str, more: &Value) -> Value {
    let mut body = json!({"model": "cairn", "input": QUESTION,
        "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
    for (name, value) in more.as_object().into_iter().flatten() {
        body[name] = value.clone();
    }
    body
}

impl Made {
    /// A conversation with an answer in it, and what that was compacted to.
    async fn by(caller: &Caller, store: &str) -> Result<Self> {
        let begin = json!({"items": [{"role": "user", "content": "I like towers."}]});
        let conversation = caller.json(Method::POST, "/v1/conversations", &begin).await?;
        ensure!(conversation["cairn"]["shared"] == false, "{conversation}");
        let conversation = id(&conversation, "/id")?;
        let body = question(store, &json!({"conversation": conversation}));
        let key = format!("{KEY}-of-{conversation}");
        let request = caller.request(Method::POST, "/v1/responses").header("idempotency-key", key);
        let (status, answer) = read(request.json(&body).send().await?).await?;
        ensure!(status == StatusCode::OK && answer.to_string().contains("Thorvald"), "{answer}");
        let response = id(&answer, "/id")?;
        let compact = json!({"previous_response_id": response});
        let compacted = caller.json(Method::POST, "/v1/responses/compact", &compact).await?;
        let (_, items) = caller.get(&format!("/v1/conversations/{conversation}/items")).await?;
        let (compaction, item) = (id(&compacted, "/id")?, id(&items, "/data/0/id")?);
        Ok(Self { response, compaction, conversation, item })
    }

    /// The same of nobody.
    fn ghost(&self) -> Self {
        let unreal = |id: &str, digit: &str| {
            let (kind, name) = id.split_once('_').unwrap_or_default();
            format!("{kind}_{}", digit.repeat(name.len()))
        };
        Self {
            response: unreal(&self.response, "0"),
            compaction: unreal(&self.compaction, "1"),
            conversation: unreal(&self.conversation, "0"),
            item: unreal(&self.item, "0"),
        }
    }

    /// `text` without the ids.
    fn masked(&self, text: &str) -> String {
        let ids = [&self.response, &self.compaction, &self.conversation, &self.item];
        ids.iter().fold(text.to_owned(), |text, id| text.replace(id.as_str(), "ID"))
    }

    /// What reads it.
    fn reads(&self) -> Vec<String> {
        let Self { response, compaction, conversation, item } = self;
        vec![
            format!("/v1/responses/{response}"),
            format!("/v1/responses/{response}?include[]=cairn.provenance"),
            format!("/v1/responses/{response}?stream=true"),
            format!("/v1/responses/{response}/input_items"),
            format!("/cairn/v1/responses/{response}/provenance"),
            format!("/v1/responses/{compaction}"),
            format!("/v1/conversations/{conversation}"),
            format!("/v1/conversations/{conversation}/items"),
            format!("/v1/conversations/{conversation}/items/{item}"),
        ]
    }

    /// What goes on from it.
    fn goes_on(&self, store: &str) -> Vec<(String, Value)> {
        let Self { response, compaction, conversation, .. } = self;
        let compacted = json!({"type": "compaction", "encrypted_content": compaction});
        let asked = json!({"role": "user", "content": QUESTION});
        let follows = question(store, &json!({"previous_response_id": response}));
        let responses = || "/v1/responses".to_owned();
        vec![
            (responses(), follows),
            (responses(), question(store, &json!({"previous_response_id": compaction}))),
            (responses(), question(store, &json!({"conversation": conversation}))),
            (responses(), question(store, &json!({"input": [compacted, asked]}))),
            (
                responses(),
                question(store, &json!({"previous_response_id": response, "background": true})),
            ),
            ("/v1/responses/compact".to_owned(), json!({"previous_response_id": response})),
            (format!("/cairn/v1/responses/{response}/replay"), json!({})),
            (
                format!("/v1/conversations/{conversation}/items"),
                json!({"items": [{"role": "assistant", "content": "The keeper was Bob."}]}),
            ),
        ]
    }

    /// Every request that names it; the deletes come last.
    fn requests(&self, store: &str) -> Vec<Asked> {
        let Self { response, compaction, conversation, item } = self;
        let get = |path: String| Asked { method: Method::GET, path, body: None };
        let post =
            |(path, body): (String, Value)| Asked { method: Method::POST, path, body: Some(body) };
        let delete = |path: String| Asked { method: Method::DELETE, path, body: None };
        let change = format!("/v1/conversations/{conversation}");
        let changes = [
            (format!("/v1/responses/{response}/cancel"), json!({})),
            (change.clone(), json!({"metadata": {"topic": "bob"}})),
            (change, json!({"cairn": {"shared": true}})),
        ];
        let deletes = [
            format!("/v1/conversations/{conversation}/items/{item}"),
            format!("/v1/conversations/{conversation}"),
            format!("/v1/responses/{response}"),
            format!("/v1/responses/{compaction}"),
        ];
        let reads = self.reads().into_iter().map(get);
        let posts = self.goes_on(store).into_iter().chain(changes).map(post);
        reads.chain(posts).chain(deletes.into_iter().map(delete)).collect()
    }
}

async fn send(caller: &Caller, asked: &Asked) -> Result<(StatusCode, String)> {
    let request = caller.request(asked.method.clone(), &asked.path);
    let request = match &asked.body {
        Some(body) => request.json(body),
        None => request,
    };
    let answer = request.send().await?;
    Ok((answer.status(), answer.text().await?))
}

/// Nothing that `made` has is there for the caller, and that is told as of what nobody made.
async fn is_not_there(caller: &Caller, made: &Made, store: &str) -> Result<()> {
    let ghost = made.ghost();
    for (real, unreal) in made.requests(store).iter().zip(&ghost.requests(store)) {
        let (status, told) = send(caller, real).await?;
        let shown = format!("{} {} {:?}: {status} {told}", real.method, real.path, real.body);
        ensure!(status == StatusCode::NOT_FOUND, "{shown}");
        let (_, of_nobody) = send(caller, unreal).await?;
        ensure!(made.masked(&told) == ghost.masked(&of_nobody), "{shown}, of nobody {of_nobody}");
    }
    // The same question under the same key.
    let body = question(store, &json!({"conversation": made.conversation}));
    let key = format!("{KEY}-of-{}", made.conversation);
    let again = caller.request(Method::POST, "/v1/responses").header("idempotency-key", key);
    let answer = again.json(&body).send().await?;
    ensure!(!answer.headers().contains_key("idempotent-replayed"), "{:?}", answer.headers());
    ensure!(answer.status() == StatusCode::NOT_FOUND, "{}", answer.status());
    Ok(())
}

async fn picture(caller: &Caller, made: &Made) -> Result<Vec<String>> {
    let mut seen = Vec::new();
    for path in made.reads() {
        let (status, told) = send(caller, &Asked { method: Method::GET, path, body: None }).await?;
        ensure!(status == StatusCode::OK, "{status} {told}");
        seen.push(told);
    }
    Ok(seen)
}

#[tokio::test]
async fn what_a_user_made_is_not_there_for_others() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("orrin", "editor").await?;
    let ada = scene.speaking_for("orrin", "viewer", &["user:ada", "group:board"]).await?;
    let bob = scene.speaking_for("orrin", "viewer", &["user:bob", "group:board"]).await?;
    let nobody = scene.tenant("orrin", "viewer").await?;
    let store = editor.store("places").await?;
    editor.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let made = Made::by(&ada, &store).await?;
    let before = picture(&ada, &made).await?;
    for other in [&bob, &nobody] {
        is_not_there(other, &made, &store).await?;
    }
    ensure!(picture(&ada, &made).await? == before, "somebody changed it");

    // Another key of the same user, and an editor: they read it and go on with it.
    let rotated = scene.speaking_for("orrin", "viewer", &["user:ada"]).await?;
    for caller in [&rotated, &editor] {
        ensure!(picture(caller, &made).await? == before);
    }
    for caller in [&rotated, &editor] {
        for (path, body) in made.goes_on(&store).iter().filter(|(path, _)| path.contains("resp")) {
            caller.json(Method::POST, path, body).await?;
        }
    }
    // What an editor answers after it is the editor's.
    let body = question(&store, &json!({"previous_response_id": made.response}));
    let after = editor.json(Method::POST, "/v1/responses", &body).await?;
    let after = id(&after, "/id")?;
    ensure!(ada.get(&format!("/v1/responses/{after}")).await?.0 == StatusCode::NOT_FOUND);
    let body = question(&store, &json!({"previous_response_id": after}));
    let (status, told) = ada.try_json(Method::POST, "/v1/responses", &body).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{told}");

    for path in [
        format!("/v1/conversations/{}/items/{}", made.conversation, made.item),
        format!("/v1/responses/{}", made.response),
        format!("/v1/responses/{}", made.compaction),
        format!("/v1/conversations/{}", made.conversation),
    ] {
        ensure!(rotated.delete(&path).await? == StatusCode::OK, "{path}");
        ensure!(ada.get(&path).await?.0 == StatusCode::NOT_FOUND, "{path}");
    }
    scene.stop().await
}

#[tokio::test]
async fn what_a_key_without_a_user_made_is_the_keys_own() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("orrin", "editor").await?;
    let board = scene.speaking_for("orrin", "viewer", &["group:board"]).await?;
    let other = scene.speaking_for("orrin", "viewer", &["group:board"]).await?;
    let store = editor.store("places").await?;
    editor.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let made = Made::by(&board, &store).await?;
    is_not_there(&other, &made, &store).await?;
    let scene = scene.restart().await?;
    picture(&scene.with_key(&board.key), &made).await?;
    is_not_there(&scene.with_key(&other.key), &made, &store).await?;
    // An application's own key makes what no viewer finds.
    let editor = scene.with_key(&editor.key);
    let made = Made::by(&editor, &store).await?;
    is_not_there(&scene.with_key(&board.key), &made, &store).await?;
    picture(&editor, &made).await?;
    scene.stop().await
}

#[tokio::test]
async fn a_background_answer_is_followed_and_cancelled_by_its_user_alone() -> Result<()> {
    let (scene, behind, editor, store) = scripted(|_| SAID.to_owned()).await?;
    editor.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let ada = scene.speaking_for("orrin", "viewer", &["user:ada"]).await?;
    let phone = scene.speaking_for("orrin", "viewer", &["user:ada"]).await?;
    let bob = scene.speaking_for("orrin", "viewer", &["user:bob"]).await?;
    let body = question(&store, &json!({"model": "writer", "background": true}));
    for (number, finished) in [false, true].into_iter().enumerate() {
        behind.allow(BEFORE_THE_NAME);
        let begun = ada.json(Method::POST, "/v1/responses", &body).await?;
        let path = format!("/v1/responses/{}", id(&begun, "/id")?);
        behind.was_asked(number + 1).await?;
        let cancel = format!("{path}/cancel");
        let (status, told) = bob.try_json(Method::POST, &cancel, &json!({})).await?;
        ensure!(status == StatusCode::NOT_FOUND, "{told}");
        ensure!(bob.get(&format!("{path}?stream=true")).await?.0 == StatusCode::NOT_FOUND);
        ensure!(bob.delete(&path).await? == StatusCode::NOT_FOUND);
        let (status, shown) = phone.get(&path).await?;
        ensure!(status == StatusCode::OK && shown["status"] == "in_progress", "{shown}");
        if !finished {
            let cancelled = phone.json(Method::POST, &cancel, &json!({})).await?;
            ensure!(cancelled["status"] == "cancelled", "{cancelled}");
            continue;
        }
        behind.allow(usize::MAX);
        let mut answer = Value::Null;
        for _ in 0..400 {
            answer = phone.get(&path).await?.1;
            if answer["status"] == "completed" {
                break;
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        ensure!(answer.to_string().contains("Thorvald"), "{answer}");
        ensure!(bob.get(&path).await?.0 == StatusCode::NOT_FOUND);
        ensure!(editor.get(&path).await?.0 == StatusCode::OK);
    }
    scene.stop().await
}

#[tokio::test]
async fn a_conversation_is_shared_on_request() -> Result<()> {
    let scene = Scene::start().await?;
    let editor = scene.tenant("orrin", "editor").await?;
    let ada = scene.speaking_for("orrin", "viewer", &["user:ada"]).await?;
    let bob = scene.speaking_for("orrin", "viewer", &["user:bob"]).await?;
    let store = editor.store("places").await?;
    editor.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let wish = json!({"cairn": {"shared": true}, "metadata": {"topic": "towers"}});
    let talk = ada.json(Method::POST, "/v1/conversations", &wish).await?;
    ensure!(talk["cairn"]["shared"] == true, "{talk}");
    let path = format!("/v1/conversations/{}", id(&talk, "/id")?);
    let body = question(&store, &json!({"conversation": id(&talk, "/id")?}));
    let answer = bob.json(Method::POST, "/v1/responses", &body).await?;
    let (_, items) = ada.get(&format!("{path}/items")).await?;
    ensure!(items.to_string().contains("Thorvald"), "{items}");
    // The answer itself is Bob's.
    let response = format!("/v1/responses/{}", id(&answer, "/id")?);
    ensure!(ada.get(&response).await?.0 == StatusCode::NOT_FOUND);

    let item = format!("{path}/items/{}", id(&items, "/data/0/id")?);
    ensure!(bob.get(&item).await?.0 == StatusCode::OK);
    for path in [&item, &path] {
        ensure!(bob.delete(path).await? == StatusCode::FORBIDDEN, "{path}");
    }
    let alone = json!({"cairn": {"shared": false}});
    let (status, told) = bob.try_json(Method::POST, &path, &alone).await?;
    ensure!(status == StatusCode::FORBIDDEN && told.to_string().contains("shared"), "{told}");

    let kept = ada.json(Method::POST, &path, &alone).await?;
    ensure!(kept["cairn"]["shared"] == false && kept["metadata"]["topic"] == "towers", "{kept}");
    for hidden in [&path, &item] {
        ensure!(bob.get(hidden).await?.0 == StatusCode::NOT_FOUND, "{hidden}");
    }
    let (status, told) = bob.try_json(Method::POST, "/v1/responses", &body).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{told}");
    let (status, told) = ada.try_json(Method::POST, &path, &json!({})).await?;
    ensure!(status == StatusCode::BAD_REQUEST && told.to_string().contains("metadata"), "{told}");
    scene.stop().await
}
