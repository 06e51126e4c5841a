use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene};

const PLANTED: &str = "zanzibarquartz";

/// Routes that answer without a key.
const PUBLIC: [&str; 3] = ["/v2", "/v2/health/live", "/v2/health/ready"];

/// Whose things are named in a path: asking for them must fail.
const OWNED: [&str; 12] = [
    "/v1/files/{",
    "/v1/uploads/{",
    "/v1/vector_stores/{",
    "/v1/responses/{",
    "/v1/conversations/{",
    "/cairn/v1/files/{",
    "/cairn/v1/vector_stores/{",
    "/cairn/v1/responses/{",
    "/cairn/v1/erasures/{",
    "/cairn/v1/sources/{",
    "/cairn/v1/question_sets/{",
    "/cairn/v1/evaluations/{",
];

/// What the owner has, by the name of its parameter.
struct Owned {
    file: String,
    store: String,
    batch: String,
    upload: String,
    response: String,
    conversation: String,
    item: String,
    erasure: String,
    source: String,
    question_set: String,
    evaluation: String,
}

fn id(answer: &Value, pointer: &str) -> Result<String> {
    let id = answer.pointer(pointer).and_then(Value::as_str);
    Ok(id.with_context(|| format!("no {pointer} in {answer}"))?.to_owned())
}

/// One of everything that a tenant can have, with the planted word in it.
async fn everything(scene: &Scene, owner: &Caller) -> Result<Owned> {
    let store = owner.store(&format!("store {PLANTED}")).await?;
    let text = format!("The password of the {PLANTED} vault is kept by the {PLANTED} keeper.");
    let (file, _) = owner.ingest(&store, &format!("{PLANTED}.md"), text.as_bytes()).await?;
    let post = Method::POST;
    let batches = format!("/v1/vector_stores/{store}/file_batches");
    let batch = owner.json(post.clone(), &batches, &json!({"file_ids": [file]})).await?;
    let wish = json!({"bytes": 9, "filename": format!("{PLANTED}.txt"), "purpose": "assistants",
        "mime_type": "text/plain"});
    let upload = owner.json(post.clone(), "/v1/uploads", &wish).await?;
    let begin = json!({"metadata": {"word": PLANTED}, "items": [
        {"type": "message", "role": "user", "content": format!("I speak of {PLANTED}.")},
    ]});
    let conversation = owner.json(post.clone(), "/v1/conversations", &begin).await?;
    let conversation = id(&conversation, "/id")?;
    let asked = json!({
        "model": "cairn",
        "input": format!("Who keeps the password of the {PLANTED} vault?"),
        "conversation": conversation,
        "tools": [{"type": "file_search", "vector_store_ids": [store]}],
    });
    let answer = owner.json(post, "/v1/responses", &asked).await?;
    ensure!(answer["cairn"]["refused"] == false, "{answer}");
    let (_, items) = owner.get(&format!("/v1/conversations/{conversation}/items")).await?;
    let (other, _) = owner.ingest(&store, "other.md", b"Another document about ferries.").await?;
    let deleted = owner.request(Method::DELETE, &format!("/v1/files/{other}")).send().await?;
    let folder = scene.data().join("shared/owner");
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join(format!("{PLANTED}.txt")), format!("More of the {PLANTED}."))?;
    let wish = json!({"vector_store_id": owner.store("kept").await?, "name": PLANTED,
        "config": {"type": "folder", "path": folder}});
    let source = owner.json(Method::POST, "/cairn/v1/sources", &wish).await?;
    let asked = json!({"question": format!("Who keeps {PLANTED}?"), "relevant": [file]});
    let set = json!({"store": store, "name": PLANTED, "questions": [asked]});
    let set = id(&owner.json(Method::POST, "/cairn/v1/question_sets", &set).await?, "/id")?;
    let run = json!({"question_set": set, "configurations": [{"name": PLANTED, "answers": true}]});
    let run = id(&owner.json(Method::POST, "/cairn/v1/evaluations", &run).await?, "/id")?;
    owner.import("secrets", &format!("name,score\n{PLANTED},1\nother,2\n")).await?;
    Ok(Owned {
        file,
        store,
        batch: id(&batch, "/id")?,
        upload: id(&upload, "/id")?,
        response: id(&answer, "/id")?,
        conversation,
        item: id(&items, "/data/0/id")?,
        erasure: id(&deleted.json().await?, "/cairn/erasure")?,
        source: id(&source, "/id")?,
        question_set: set,
        evaluation: run,
    })
}

#[tokio::test]
async fn no_route_shows_another_tenants_words_whatever_id_is_sent() -> Result<()> {
    let scene = Scene::start().await?;
    let owner = scene.tenant("owner", "editor").await?;
    let owned = everything(&scene, &owner).await?;
    let stranger = scene.tenant("stranger", "editor").await?;
    let (_, document) = stranger.get("/openapi.json").await?;
    let mut tried = 0;
    for (path, item) in document["paths"].as_object().context("paths")? {
        let documented: BTreeSet<String> = item
            .as_object()
            .context("methods")?
            .keys()
            .map(|method| method.to_uppercase())
            .collect();
        for filled in fill(path, &owned)? {
            let routed = methods(&stranger, &filled).await?;
            ensure!(routed == documented, "{path} takes {routed:?}, documented is {documented:?}");
            for method in &documented {
                let method: Method = method.parse()?;
                tried += probe(&scene, &stranger, (method, path.as_str()), &filled, &owned).await?;
            }
        }
    }
    ensure!(tried > 300, "only {tried} requests were made");
    // What is the owner's is all still there.
    for path in [
        format!("/v1/files/{}", owned.file),
        format!("/v1/responses/{}", owned.response),
        format!("/v1/conversations/{}/items/{}", owned.conversation, owned.item),
        format!("/cairn/v1/erasures/{}", owned.erasure),
        format!("/cairn/v1/sources/{}", owned.source),
        format!("/cairn/v1/question_sets/{}", owned.question_set),
        format!("/cairn/v1/evaluations/{}", owned.evaluation),
        "/cairn/v1/datasets/secrets".to_owned(),
    ] {
        ensure!(owner.get(&path).await?.0 == StatusCode::OK, "{path} is gone");
    }
    let question = format!("Who keeps the password of the {PLANTED} vault?");
    let again = owner.ask(&owned.store, &question).await?;
    ensure!(again["cairn"]["refused"] == false, "{again}");
    scene.stop().await
}

/// Sends everything to one route, in the name of the stranger and of nobody.
async fn probe(
    scene: &Scene,
    stranger: &Caller,
    (method, path): (Method, &str),
    filled: &str,
    owned: &Owned,
) -> Result<usize> {
    if !PUBLIC.contains(&path) {
        let keyless = scene.client.request(method.clone(), format!("{}{filled}", scene.url));
        let status = keyless.json(&json!({})).send().await?.status();
        ensure!(status == StatusCode::UNAUTHORIZED, "{method} {path} without a key: {status}");
    }
    let bodies = bodies(owned);
    for body in &bodies {
        let (status, answer) = stranger.try_json(method.clone(), filled, body).await?;
        ensure!(!answer.to_string().contains(PLANTED), "{method} {path} shows {answer}");
        ensure!(!status.is_server_error(), "{method} {path}: {status} {answer}");
        let theirs = OWNED.iter().any(|prefix| path.starts_with(prefix));
        ensure!(!theirs || status.is_client_error(), "{method} {path}: {status} {answer}");
    }
    Ok(bodies.len())
}

/// The methods that a path takes, told by the refusal of one that no path takes.
async fn methods(caller: &Caller, path: &str) -> Result<BTreeSet<String>> {
    let brew = Method::from_bytes(b"BREW")?;
    let answer = caller.request(brew, path).send().await?;
    ensure!(answer.status() == StatusCode::METHOD_NOT_ALLOWED, "{path}: {}", answer.status());
    let allow =
        answer.headers().get("allow").with_context(|| format!("{path} names no methods"))?;
    let listed = allow.to_str()?.split(',').map(|method| method.trim().to_owned());
    Ok(listed.filter(|method| method != "HEAD").collect())
}

/// The path with the owner's ids in it, in every way there is. Fails for a parameter it
/// does not know: whoever adds one says here what the owner has of it.
fn fill(path: &str, owned: &Owned) -> Result<Vec<String>> {
    let id = [
        ("/v1/files/", &owned.file),
        ("/v1/uploads/", &owned.upload),
        ("/v1/vector_stores/", &owned.store),
        ("/v1/responses/", &owned.response),
        ("/v1/conversations/", &owned.conversation),
        ("/v1/erasures/", &owned.erasure),
        ("/v1/sources/", &owned.source),
        ("/v1/question_sets/", &owned.question_set),
        ("/v1/evaluations/", &owned.evaluation),
        ("/v1/keys/", &owned.file),
        ("/v1/models/", &owned.file),
        ("/v1/training_runs/", &owned.file),
    ];
    let mut filled = path
        .replace("{file_id}", &owned.file)
        .replace("{batch_id}", &owned.batch)
        .replace("{item_id}", &owned.item)
        .replace("{model}", "secrets_score")
        .replace("{version}", "1")
        .replace("{alias}", "champion");
    filled = match path {
        p if p.starts_with("/cairn/v1/tenants/") => filled.replace("{name}", "owner"),
        p if p.starts_with("/cairn/v1/models/") => filled.replace("{name}", "secrets_score"),
        _ => filled.replace("{name}", "secrets"),
    };
    if let Some((_, owners)) = id.iter().find(|(part, _)| path.contains(part)) {
        filled = filled.replace("{id}", owners);
    }
    ensure!(!filled.contains('{'), "nobody says what the owner has for {path}");
    if path.contains("resolve") {
        filled = format!("{filled}?name={}", owned.store);
    }
    let mut all = vec![filled.clone()];
    // A version of a model has the same routes once more, which no document repeats.
    if let Some(rest) = filled.strip_prefix("/v2/models/secrets_score") {
        all.push(format!("/v2/models/secrets_score/versions/1{rest}"));
    }
    Ok(all)
}

/// Bodies that name the owner's things in every way there is.
fn bodies(owned: &Owned) -> Vec<Value> {
    let Owned { file, store, response, conversation, question_set, .. } = owned;
    let tool = json!([{"type": "file_search", "vector_store_ids": [store]}]);
    let asking = "Who keeps the password?";
    vec![
        json!({}),
        json!({"query": PLANTED}),
        json!({"query": "password", "file_id": file, "file_ids": [file], "name": "mine"}),
        json!({"file_id": file}),
        json!({"file_ids": [file]}),
        json!({"part_ids": ["part_1"]}),
        json!({"items": [{"role": "user", "content": "Hello."}]}),
        json!({"access": ["user:stranger"]}),
        json!({"ranking": {"dense_weight": 0.0}}),
        json!({"query": "password", "cairn": {"explain": true, "expand": "section", "diversity": 0.5}}),
        json!({"metadata": {"k": "v"}}),
        json!({"chunking": {"type": "structure"}}),
        json!({"confirm_deletes": true}),
        json!({"name": "mine", "every_seconds": 60}),
        json!({"vector_store_id": store, "config": {"type": "folder", "path": "/"}}),
        json!({"model": "cairn", "input": asking, "tools": tool}),
        json!({"model": "cairn", "input": asking, "previous_response_id": response}),
        json!({"model": "cairn", "input": asking, "conversation": conversation}),
        json!({"store": store, "questions": [{"question": asking, "relevant": [file]}]}),
        json!({"store": store, "generate": {"count": 5}}),
        json!({"store": store, "question_set": question_set}),
        json!({"question_set": question_set, "configurations": [{"name": "c", "answers": true}]}),
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
