//! One of everything that a tenant can have, and a picture of it all.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::rollouts::table;
use crate::scene::{Caller, Scene, read};
use crate::sources;

/// Stands in the owner's texts; a stranger may ask for it.
pub(super) const PLANTED: &str = "zanzibarquartz";
/// Stands in everything that the owner has; no request of a stranger has it.
const SECRET: &str = "obsidianmeridian";
/// The tenant.
pub(super) const TENANT: &str = "vaultholders";
/// Under this key the owner asked [`asked`].
pub(super) const KEY: &str = "the-same-key";

/// What the owner has: ids and names by what they are of.
pub(super) struct Owned(BTreeMap<&'static str, String>);

impl Owned {
    /// The id or name of `kind`.
    pub(super) fn of(&self, kind: &str) -> &str {
        self.0.get(kind).expect("a kind of thing that the owner has")
    }

    /// `template` with the owner's ids and names in the place of `{kind}`.
    pub(super) fn fill(&self, template: &str) -> String {
        let put = |text: String, (kind, value): (&&str, &String)| {
            text.replace(&format!("{{{kind}}}"), value)
        };
        self.0.iter().fold(template.to_owned(), put)
    }

    /// `text` with `{kind}` in the place of ids and names.
    pub(super) fn masked(&self, text: &str) -> String {
        let mut longest: Vec<_> = self.0.iter().collect();
        longest.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        let mask = |text: String, (kind, value): (&&str, &String)| {
            text.replace(value.as_str(), &format!("{{{kind}}}"))
        };
        longest.into_iter().fold(text.to_owned(), mask)
    }

    /// The same of a tenant that is not there: ids and names that nobody has.
    pub(super) fn ghost(&self) -> Self {
        let unreal = |(number, (kind, value)): (usize, (&&'static str, &String))| {
            let unreal = match value.find(['_', '-']) {
                Some(at) => {
                    let width = value.len() - at - 1;
                    format!("{}{number:0>width$}", &value[..=at])
                }
                None => value.chars().rev().collect(),
            };
            (*kind, unreal)
        };
        Self(self.0.iter().enumerate().map(unreal).collect())
    }

    /// What of the owner's stands in an answer that was not in its request.
    pub(super) fn leak(&self, request: &str, answer: &str) -> Option<&str> {
        let words = self.0.values().map(String::as_str).chain([PLANTED, SECRET]);
        words.into_iter().find(|word| answer.contains(word) && !request.contains(word))
    }
}

fn id(answer: &Value, pointer: &str) -> Result<String> {
    let id = answer.pointer(pointer).and_then(Value::as_str);
    Ok(id.with_context(|| format!("no {pointer} in {answer}"))?.to_owned())
}

/// The question that the owner asked.
pub(super) fn asked(store: &str, conversation: &str) -> Value {
    json!({
        "model": "cairn",
        "input": format!("Who keeps the password of the {PLANTED} vault?"),
        "conversation": conversation,
        "include": ["file_search_call.results"],
        "tools": [{"type": "file_search", "vector_store_ids": [store]}],
    })
}

/// One of everything, at rest: nothing of it changes by itself any more.
pub(super) async fn everything(scene: &Scene, owner: &Caller) -> Result<Owned> {
    let (_, me) = owner.get("/cairn/v1/whoami").await?;
    let mut owned = Owned(BTreeMap::from([
        ("tenant", TENANT.to_owned()),
        ("key", id(&me, "/key_id")?),
        ("secret_key", owner.key.clone()),
    ]));
    documents(owner, &mut owned).await?;
    uploads(owner, &mut owned).await?;
    answers(owner, &mut owned).await?;
    source(scene, owner, &mut owned).await?;
    evaluation(owner, &mut owned).await?;
    reindex(owner, &owned).await?;
    trained(owner, &mut owned).await?;
    models(owner, &mut owned).await?;
    scene.admin().json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    Ok(owned)
}

async fn documents(owner: &Caller, owned: &mut Owned) -> Result<()> {
    let wish = json!({"name": format!("store {SECRET}"), "metadata": {"word": SECRET}});
    let store = id(&owner.json(Method::POST, "/v1/vector_stores", &wish).await?, "/id")?;
    let text = format!("The password of the {PLANTED} vault is kept by the {SECRET} keeper.");
    let (file, state) = owner.ingest(&store, &format!("{SECRET}.md"), text.as_bytes()).await?;
    ensure!(state["status"] == "completed", "{state}");
    let attached = format!("/v1/vector_stores/{store}/files/{file}");
    owner.json(Method::POST, &attached, &json!({"attributes": {"shelf": SECRET}})).await?;
    let batches = format!("/v1/vector_stores/{store}/file_batches");
    let batch = owner.json(Method::POST, &batches, &json!({"file_ids": [file]})).await?;
    let ranking = format!("/cairn/v1/vector_stores/{store}/ranking");
    owner.json(Method::PUT, &ranking, &json!({"ranking": {"dense_weight": 0.5}})).await?;
    let gone = format!("A document about {SECRET} ferries.");
    let (gone, _) = owner.ingest(&store, "gone.md", gone.as_bytes()).await?;
    let gone = owner.request(Method::DELETE, &format!("/v1/files/{gone}")).send().await?;
    owned.0.insert("erasure", id(&gone.json().await?, "/cairn/erasure")?);
    owned.0.extend([("store", store), ("file", file), ("batch", id(&batch, "/id")?)]);
    Ok(())
}

async fn uploads(owner: &Caller, owned: &mut Owned) -> Result<()> {
    let wish = json!({"bytes": 9, "filename": format!("{SECRET}.txt"), "purpose": "assistants",
        "mime_type": "text/plain"});
    let upload = id(&owner.json(Method::POST, "/v1/uploads", &wish).await?, "/id")?;
    let form = Form::new().part("data", Part::bytes(b"four".to_vec()).file_name("upload"));
    let parts = owner.request(Method::POST, &format!("/v1/uploads/{upload}/parts"));
    let (status, part) = read(parts.multipart(form).send().await?).await?;
    ensure!(status == StatusCode::OK, "{part}");
    owned.0.extend([("upload", upload), ("part", id(&part, "/id")?)]);
    Ok(())
}

async fn answers(owner: &Caller, owned: &mut Owned) -> Result<()> {
    let begin = json!({"metadata": {"word": SECRET}, "items": [
        {"type": "message", "role": "user", "content": format!("I speak of {SECRET}.")},
    ]});
    let conversation = owner.json(Method::POST, "/v1/conversations", &begin).await?;
    let conversation = id(&conversation, "/id")?;
    let request = owner.request(Method::POST, "/v1/responses").header("idempotency-key", KEY);
    let sent = request.json(&asked(owned.of("store"), &conversation)).send().await?;
    let (_, answer) = read(sent).await?;
    ensure!(answer["cairn"]["refused"] == false, "{answer}");
    let compact = json!({"previous_response_id": id(&answer, "/id")?});
    let compacted = owner.json(Method::POST, "/v1/responses/compact", &compact).await?;
    let (_, items) = owner.get(&format!("/v1/conversations/{conversation}/items")).await?;
    owned.0.extend([
        ("conversation", conversation),
        ("response", id(&answer, "/id")?),
        ("compaction", id(&compacted, "/id")?),
        ("item", id(&items, "/data/0/id")?),
    ]);
    Ok(())
}

async fn source(scene: &Scene, owner: &Caller, owned: &mut Owned) -> Result<()> {
    let folder = scene.data().join("shared").join(TENANT);
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{SECRET}.txt")), format!("More of the {SECRET}."))?;
    let kept = owner.store(&format!("kept {SECRET}")).await?;
    let wish = json!({"vector_store_id": kept, "name": SECRET, "every_seconds": 0,
        "config": {"type": "folder", "path": folder}});
    let source = id(&owner.json(Method::POST, "/cairn/v1/sources", &wish).await?, "/id")?;
    let rests = sources::settled(owner, &source).await?;
    ensure!(rests["last_run"]["outcome"] == "completed", "{rests}");
    owned.0.extend([("source", source), ("kept", kept)]);
    Ok(())
}

async fn evaluation(owner: &Caller, owned: &mut Owned) -> Result<()> {
    let question =
        json!({"question": format!("Who keeps {SECRET}?"), "relevant": [owned.of("file")]});
    let set = json!({"store": owned.of("store"), "name": SECRET, "questions": [question]});
    let set = id(&owner.json(Method::POST, "/cairn/v1/question_sets", &set).await?, "/id")?;
    let run = json!({"question_set": set, "configurations": [{"name": SECRET, "answers": true}]});
    let run = id(&owner.json(Method::POST, "/cairn/v1/evaluations", &run).await?, "/id")?;
    ended(owner, &format!("/cairn/v1/evaluations/{run}")).await?;
    let month = json!({"question_set": set, "name": SECRET, "every_seconds": 30 * 86_400});
    let schedules = "/cairn/v1/evaluation_schedules";
    let schedule = id(&owner.json(Method::POST, schedules, &month).await?, "/id")?;
    let begun = owner.request(Method::POST, &format!("{schedules}/{schedule}/run")).send().await?;
    ended(owner, &format!("/cairn/v1/evaluations/{}", id(&begun.json().await?, "/id")?)).await?;
    owned.0.extend([("question_set", set), ("evaluation", run), ("schedule", schedule)]);
    Ok(())
}

/// Waits until the run at `path` has ended well.
async fn ended(owner: &Caller, path: &str) -> Result<()> {
    for _ in 0..1200 {
        let (_, run) = owner.get(path).await?;
        if run["finished_at"].is_number() {
            ensure!(run["status"] == "succeeded", "{run}");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("{path} did not end within a minute")
}

async fn reindex(owner: &Caller, owned: &Owned) -> Result<()> {
    let path = owned.fill("/cairn/v1/vector_stores/{store}/reindex");
    owner.json(Method::POST, &path, &json!({})).await?;
    for _ in 0..1200 {
        let (_, shown) = owner.get(&path).await?;
        if shown["status"] != "in_progress" {
            ensure!(shown["status"] == "completed", "{shown}");
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    anyhow::bail!("the re-index did not end within a minute")
}

/// A table with a model that was trained on it.
async fn trained(owner: &Caller, owned: &mut Owned) -> Result<()> {
    let mut csv = "length,colour,kind\n".to_owned();
    for n in 0..80_u32 {
        let (length, colour) = (n * 37 % 100, ["red", "blue"][(n % 2) as usize]);
        let kind = if length > 50 { SECRET } else { "daisy" };
        writeln!(csv, "{length},{colour},{kind}")?;
    }
    let (dataset, model) = ("vaultledger", "vaultoracle");
    let (status, made) = owner.import(dataset, &csv).await?;
    ensure!(status == StatusCode::OK, "{made}");
    let wish = json!({"dataset": dataset, "target": "kind", "name": model, "budget_seconds": 2});
    let run = id(&owner.json(Method::POST, "/cairn/v1/training_runs", &wish).await?, "/id")?;
    ended(owner, &format!("/cairn/v1/training_runs/{run}")).await?;
    owned.0.extend([("run", run), ("dataset", dataset.to_owned()), ("trained", model.to_owned())]);
    Ok(())
}

/// A registered model with an alias and a rollout, and one of a provider that chats.
async fn models(owner: &Caller, owned: &mut Owned) -> Result<()> {
    let (model, alias, writer) = ("vaultgauge", "vaultpilot", "vaultscribe");
    owner.register(model, table(10, 1.0)).await?;
    owner.register(model, table(10, 2.0)).await?;
    let of_model = |rest: &str| format!("/cairn/v1/models/{model}{rest}");
    owner.json(Method::POST, &of_model("/deploy"), &json!({"version": 1})).await?;
    let aliases = of_model(&format!("/aliases/{alias}"));
    owner.json(Method::PUT, &aliases, &json!({"version": 2})).await?;
    let half = json!({"reason": SECRET, "plan": {"strategy": "fixed", "weights": [
        {"version": 1, "weight": 1}, {"version": 2, "weight": 1}]}});
    owner.json(Method::PUT, &of_model("/rollout"), &half).await?;
    let remote = json!({"kind": "remote", "provider": "behind", "model": SECRET});
    let versions = format!("/cairn/v1/models/{writer}/versions");
    owner.json(Method::POST, &versions, &remote).await?;
    let named = [("model", model), ("alias", alias), ("writer", writer)];
    owned.0.extend(named.map(|(kind, name)| (kind, name.to_owned())));
    Ok(())
}

/// Where the owner sees what is the owner's.
const SHOWN: [&str; 39] = [
    "/v1/files",
    "/v1/files/{file}",
    "/v1/files/{file}/content",
    "/cairn/v1/files/{file}/text",
    "/cairn/v1/files/{file}/access",
    "/v1/vector_stores",
    "/v1/vector_stores/{store}",
    "/v1/vector_stores/{store}/files",
    "/v1/vector_stores/{store}/files/{file}",
    "/v1/vector_stores/{store}/files/{file}/content",
    "/v1/vector_stores/{store}/file_batches/{batch}",
    "/v1/vector_stores/{store}/file_batches/{batch}/files",
    "/v1/vector_stores/{kept}/files",
    "/cairn/v1/vector_stores/{store}/ranking",
    "/cairn/v1/vector_stores/{store}/reindex",
    "/v1/responses/{response}",
    "/v1/responses/{response}/input_items",
    "/cairn/v1/responses/{response}/provenance",
    "/v1/conversations/{conversation}",
    "/v1/conversations/{conversation}/items",
    "/cairn/v1/erasures",
    "/cairn/v1/sources/{source}",
    "/cairn/v1/sources/{source}/items",
    "/cairn/v1/question_sets/{question_set}",
    "/cairn/v1/question_sets/{question_set}/questions",
    "/cairn/v1/evaluations",
    "/cairn/v1/evaluations/{evaluation}/results",
    "/cairn/v1/evaluations?schedule={schedule}",
    "/cairn/v1/evaluation_schedules/{schedule}",
    "/cairn/v1/datasets",
    "/cairn/v1/datasets/{dataset}/rows",
    "/cairn/v1/training_runs",
    "/cairn/v1/training_runs/{run}",
    "/cairn/v1/models/{model}",
    "/cairn/v1/models/{trained}",
    "/cairn/v1/models/{model}/rollout",
    "/cairn/v1/models/{model}/history",
    "/v1/models/{writer}",
    "/cairn/v1/whoami",
];

/// All that the owner is shown, by path.
pub(super) type Picture = BTreeMap<&'static str, String>;

/// All that the owner is shown now.
pub(super) async fn picture(owner: &Caller, owned: &Owned) -> Result<Picture> {
    let mut seen = Picture::new();
    for path in SHOWN {
        let answer = owner.request(Method::GET, &owned.fill(path)).send().await?;
        ensure!(answer.status() == StatusCode::OK, "{path}: {}", answer.status());
        let mut text = answer.text().await?;
        if let Ok(Value::Object(mut shown)) = serde_json::from_str(&text) {
            // Whether a model is in memory just now.
            shown.remove("state");
            text = Value::Object(shown).to_string();
        }
        seen.insert(path, text);
    }
    Ok(seen)
}

/// What the owner could do before is done: the upload goes on, the question is answered and
/// the models answer.
pub(super) async fn works(owner: &Caller, owned: &Owned) -> Result<()> {
    let question = format!("Who keeps the password of the {PLANTED} vault?");
    let again = owner.ask(owned.of("store"), &question).await?;
    ensure!(again["cairn"]["refused"] == false && again.to_string().contains(SECRET), "{again}");
    let infer = owned.fill("/v2/models/{model}@{alias}/infer");
    let tensors = json!({"inputs": [
        {"name": "n", "shape": [1], "datatype": "INT64", "data": [5]}]});
    let inferred = owner.json(Method::POST, &infer, &tensors).await?;
    ensure!(inferred["outputs"][0]["data"][0].as_f64() == Some(10.0), "{inferred}");
    let form = Form::new().part("data", Part::bytes(b"-five".to_vec()).file_name("upload"));
    let parts = owner.request(Method::POST, &owned.fill("/v1/uploads/{upload}/parts"));
    let (_, part) = read(parts.multipart(form).send().await?).await?;
    let all = json!({"part_ids": [owned.of("part"), id(&part, "/id")?]});
    let complete = owned.fill("/v1/uploads/{upload}/complete");
    let whole = owner.json(Method::POST, &complete, &all).await?;
    ensure!(whole["file"]["bytes"] == 9, "{whole}");
    Ok(())
}
