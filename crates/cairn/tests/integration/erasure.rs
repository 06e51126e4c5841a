use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene};

const DOCUMENTS: usize = 12;
const DELETED: usize = 4;

/// A word of document `n` that stands nowhere else.
fn planted(n: usize) -> String {
    format!("quartz{n:03}zanzibar")
}

struct Document {
    file: String,
    answer: String,
}

/// Ingests, asks about and talks about one document after the other.
async fn library(caller: &Caller, store: &str) -> Result<(Vec<Document>, String)> {
    let talk = caller.json(Method::POST, "/v1/conversations", &json!({})).await?;
    let talk = talk["id"].as_str().context("a conversation")?.to_owned();
    let mut documents = Vec::new();
    for n in 0..DOCUMENTS {
        let word = planted(n);
        let text = format!(
            "# Locker {n}\n\nThe locker number {n} of the station holds the parcel called {word}. \
             It was left there in the winter of {}.\n",
            1900 + n
        );
        let (file, state) = caller.ingest(store, &format!("{word}.md"), text.as_bytes()).await?;
        ensure!(state["status"] == "completed", "{state}");
        let path = format!("/v1/vector_stores/{store}/files/{file}");
        caller.json(Method::POST, &path, &json!({"attributes": {"parcel": word}})).await?;
        let asked = json!({
            "model": "cairn",
            "input": format!("What is the parcel called that the locker number {n} holds?"),
            "tools": [{"type": "file_search", "vector_store_ids": [store]}],
            "include": ["file_search_call.results"],
            "conversation": talk,
        });
        let sent = caller.request(Method::POST, "/v1/responses").json(&asked);
        let sent = sent.header("idempotency-key", format!("question-{n}")).send().await?;
        let (status, answer) = crate::scene::read(sent).await?;
        ensure!(status == StatusCode::OK && answer.to_string().contains(&word), "{answer}");
        documents
            .push(Document { file, answer: answer["id"].as_str().context("an id")?.to_owned() });
    }
    Ok((documents, talk))
}

/// Everything that the caller can be told of the library.
async fn everything(
    caller: &Caller,
    store: &str,
    documents: &[Document],
    talk: &str,
) -> Result<String> {
    let mut told = String::new();
    for n in 0..DOCUMENTS {
        let search = format!("/v1/vector_stores/{store}/search");
        let query = json!({"query": format!("parcel in locker number {n}"), "max_num_results": 50});
        told += &caller.json(Method::POST, &search, &query).await?["data"].to_string();
        let question = format!("What is the parcel called that the locker number {n} holds?");
        told += &caller.ask(store, &question).await?.to_string();
    }
    for document in documents {
        for path in ["", "/input_items", "?stream=true"] {
            let path = format!("/v1/responses/{}{path}", document.answer);
            told += &caller.get(&path).await?.1.to_string();
        }
    }
    for path in [
        format!("/v1/conversations/{talk}/items?limit=100&include[]=file_search_call.results"),
        format!("/v1/vector_stores/{store}/files?limit=100"),
        "/v1/files".to_owned(),
    ] {
        told += &caller.get(&path).await?.1.to_string();
    }
    Ok(told)
}

#[tokio::test]
async fn what_is_deleted_is_told_to_nobody_at_once_and_in_no_file_after_the_purge() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("station", "editor").await?;
    let store = caller.store("lockers").await?;
    let (documents, talk) = library(&caller, &store).await?;
    let before = everything(&caller, &store, &documents, &talk).await?;
    for n in 0..DOCUMENTS {
        ensure!(before.contains(&planted(n)), "{n} is never told, so nothing is tested");
        ensure!(!scene.holding(&planted(n))?.is_empty());
    }

    let mut erasures = Vec::new();
    for document in &documents[..DELETED] {
        let path = format!("/v1/files/{}", document.file);
        let (_, gone) =
            crate::scene::read(caller.request(Method::DELETE, &path).send().await?).await?;
        erasures.push(gone["cairn"]["erasure"].as_str().context("an erasure")?.to_owned());
    }
    let told = everything(&caller, &store, &documents, &talk).await?;
    for n in 0..DOCUMENTS {
        ensure!(told.contains(&planted(n)) == (n >= DELETED), "document {n} after the delete");
    }
    let (_, scrubbed) = caller.get(&format!("/v1/responses/{}", documents[0].answer)).await?;
    ensure!(scrubbed.to_string().contains("the source was deleted"), "{scrubbed}");
    // A retry does not bring it back: the answer to it was forgotten.
    let again =
        caller.request(Method::POST, "/v1/responses").header("idempotency-key", "question-0");
    let again = again.json(&json!({"model": "cairn", "input": "x"})).send().await?;
    ensure!(!again.headers().contains_key("idempotent-replayed"));

    let admin = scene.admin();
    let purged = admin.json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    ensure!(purged["certificates"] == DELETED, "{purged}");
    for n in 0..DOCUMENTS {
        let held = scene.holding(&planted(n))?;
        ensure!(held.is_empty() == (n < DELETED), "document {n} is in {held:?} after the purge");
    }
    for (erasure, document) in erasures.iter().zip(&documents) {
        let (_, proof) = caller.get(&format!("/cairn/v1/erasures/{erasure}")).await?;
        check(&admin, &proof, &document.file).await?;
    }
    let verified = admin.json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
    ensure!(verified["clean"] == true, "{verified}");
    scene.stop().await
}

/// A certificate names what it is about, and is signed with the installation's key.
async fn check(admin: &Caller, proof: &Value, subject: &str) -> Result<()> {
    ensure!(proof["status"] == "completed" && proof["subject"] == subject, "{proof}");
    let (_, key) = admin.get("/cairn/v1/erasure_key").await?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (statement, signature) =
        (text(&proof["certificate"]["statement"]), text(&proof["certificate"]["signature"]));
    ensure!(cairn_guard::verify(&text(&key["public_key"]), statement.as_bytes(), &signature));
    let stated: Value = serde_json::from_str(&statement)?;
    ensure!(stated["subject"] == subject, "{stated}");
    let changed = statement.replace(subject, "file-another");
    ensure!(!cairn_guard::verify(&text(&key["public_key"]), changed.as_bytes(), &signature));
    Ok(())
}

#[tokio::test]
async fn a_store_and_a_tenant_go_as_a_whole() -> Result<()> {
    let scene = Scene::start().await?;
    let admin = scene.admin();
    let caller = scene.tenant("leaving", "editor").await?;
    let store = caller.store("papers").await?;
    let text = "The combination of the vault is quartz999zanzibar, and nobody else knows it.";
    let (_, state) = caller.ingest(&store, "vault.md", text.as_bytes()).await?;
    ensure!(state["status"] == "completed", "{state}");
    caller.import("secrets", "name,score\nquartz999zanzibar,1\nother,2\n").await?;
    let other = caller.store("other").await?;
    caller.ingest(&other, "copy.md", text.as_bytes()).await?;
    ensure!(caller.delete(&format!("/v1/vector_stores/{store}")).await? == StatusCode::OK);
    ensure!(caller.get(&format!("/v1/vector_stores/{store}")).await?.0 == StatusCode::NOT_FOUND);
    ensure!(
        caller.ask(&other, "What is the combination of the vault?").await?["cairn"]["refused"]
            == false
    );

    let (status, refused) = crate::scene::read(
        caller.request(Method::DELETE, "/cairn/v1/tenants/leaving").send().await?,
    )
    .await?;
    ensure!(status == StatusCode::FORBIDDEN, "{refused}");
    let (status, own) = crate::scene::read(
        admin.request(Method::DELETE, "/cairn/v1/tenants/default").send().await?,
    )
    .await?;
    ensure!(status == StatusCode::CONFLICT, "{own}");
    let (status, gone) = crate::scene::read(
        admin.request(Method::DELETE, "/cairn/v1/tenants/leaving").send().await?,
    )
    .await?;
    ensure!(status == StatusCode::OK, "{gone}");
    ensure!(caller.get("/v1/files").await?.0 == StatusCode::UNAUTHORIZED, "its keys still work");
    admin.json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    let held = scene.holding("quartz999zanzibar")?;
    ensure!(held.is_empty(), "{held:?}");
    let tenant = gone["subject"].as_str().context("a tenant")?;
    for folder in ["blobs/tenants", "tables"] {
        ensure!(!scene.data().join(folder).join(tenant).exists(), "{folder} is still there");
    }
    ensure!(!scene.data().join("index").join(&other).exists(), "an index is still there");
    let path = format!("/cairn/v1/erasures/{}", gone["id"].as_str().context("an id")?);
    check(&admin, &admin.get(&path).await?.1, tenant).await?;
    // A tenant of that name begins anew.
    let again = scene.tenant("leaving", "editor").await?;
    let (_, files) = again.get("/v1/files").await?;
    ensure!(files["data"] == json!([]), "{files}");
    scene.stop().await
}

#[tokio::test]
async fn bytes_without_an_owner_are_found_and_removed() -> Result<()> {
    let scene = Scene::start().await?;
    let admin = scene.admin();
    let folder = scene.data().join("blobs/tenants/ten_gone/files");
    std::fs::create_dir_all(&folder)?;
    let (old, fresh) = (folder.join("file-old"), folder.join("file-fresh"));
    std::fs::write(&old, "left behind")?;
    std::fs::write(&fresh, "on its way")?;
    let hour = SystemTime::now() - Duration::from_secs(3600);
    std::fs::File::options().write(true).open(&old)?.set_modified(hour)?;
    let found = admin.json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
    ensure!(found["orphaned_blobs"] == json!(["tenants/ten_gone/files/file-old"]), "{found}");
    ensure!(old.exists());
    let repaired = admin.json(Method::POST, "/cairn/v1/verify", &json!({"repair": true})).await?;
    ensure!(repaired["repaired"] == true && !old.exists() && fresh.exists(), "{repaired}");

    let store = admin.store("s").await?;
    let (file, _) = admin.ingest(&store, "a.txt", b"A text that is about to be lost.").await?;
    let (_, me) = admin.get("/cairn/v1/whoami").await?;
    ensure!(me["principals"] == json!([]), "{me}");
    let tenants = std::fs::read_dir(scene.data().join("blobs/tenants"))?;
    for tenant in tenants {
        let _ = std::fs::remove_file(tenant?.path().join("files").join(&file));
    }
    let found = admin.json(Method::POST, "/cairn/v1/verify", &json!({})).await?;
    ensure!(found["missing_blobs"].to_string().contains(&file), "{found}");
    scene.stop().await
}

#[tokio::test]
async fn the_name_of_a_deleted_file_that_could_not_be_read_is_in_no_file() -> Result<()> {
    let scene = Scene::start().await?;
    let admin = scene.admin();
    let store = admin.store("s").await?;
    let name = format!("{}.bin", planted(1));
    let (file, state) = admin.ingest(&store, &name, b"\x7fELF and so on").await?;
    ensure!(state["status"] == "failed" && state.to_string().contains(&planted(1)), "{state}");
    ensure!(!scene.holding(&planted(1))?.is_empty(), "the search finds nothing at all");
    admin.delete(&format!("/v1/files/{file}")).await?;
    admin.json(Method::POST, "/cairn/v1/purge", &json!({})).await?;
    ensure!(scene.holding(&planted(1))?.is_empty(), "its job had the name in its error");
    scene.stop().await
}
