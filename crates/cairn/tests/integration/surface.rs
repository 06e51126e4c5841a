//! What the stock client drives in Python is driven here where the wire itself matters.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::multipart::{Form, Part};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::scene::{Caller, Scene, read};

const TOWER: &str = "# Tower\n\nThe last keeper of the Orrin tower was Ida Thorvald. \
     She left the tower in the spring of 1989.\n";

fn id(value: &Value) -> Result<String> {
    Ok(value["id"].as_str().with_context(|| format!("no id in {value}"))?.to_owned())
}

async fn part(caller: &Caller, upload: &str, bytes: &[u8]) -> Result<Value> {
    let form = Form::new().part("data", Part::bytes(bytes.to_vec()).file_name("upload"));
    let path = format!("/v1/uploads/{upload}/parts");
    let (status, part) =
        read(caller.request(Method::POST, &path).multipart(form).send().await?).await?;
    ensure!(status == StatusCode::OK, "{part}");
    Ok(part)
}

#[tokio::test]
async fn an_upload_survives_a_restart_between_its_parts() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.admin();
    let wish = json!({"bytes": 11, "filename": "a.txt", "purpose": "assistants",
        "mime_type": "text/plain", "expires_after": {"anchor": "created_at", "seconds": 3600}});
    let upload = id(&caller.json(Method::POST, "/v1/uploads", &wish).await?)?;
    let first = id(&part(&caller, &upload, b"hello ").await?)?;
    let scene = scene.restart().await?;
    let caller = scene.admin();
    let second = id(&part(&caller, &upload, b"world").await?)?;
    let complete = format!("/v1/uploads/{upload}/complete");
    for (wrong, named) in [
        (json!({"part_ids": [first]}), "part_ids"),
        (json!({"part_ids": [first, first]}), "part_ids"),
        (json!({"part_ids": [first, second], "md5": "00"}), "md5"),
    ] {
        let (status, refused) = caller.try_json(Method::POST, &complete, &wrong).await?;
        ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
        ensure!(refused["error"]["param"] == named, "{refused}");
    }
    // Of "hello world".
    let right = json!({"part_ids": [first, second], "md5": "5eb63bbbe01eeed093cb22bb8f5acdc3"});
    let made = caller.json(Method::POST, &complete, &right).await?;
    ensure!(made["status"] == "completed" && made["file"]["bytes"] == 11, "{made}");
    ensure!(made["file"]["expires_at"].is_number(), "{made}");
    let again = caller.json(Method::POST, &complete, &right).await?;
    ensure!(again["file"]["id"] == made["file"]["id"], "completing twice makes one file");
    let content = format!("/v1/files/{}/content", id(&made["file"])?);
    let bytes = caller.request(Method::GET, &content).send().await?.bytes().await?;
    ensure!(bytes == b"hello world".as_slice(), "{bytes:?}");
    let cancel = format!("/v1/uploads/{upload}/cancel");
    let (status, _) = caller.try_json(Method::POST, &cancel, &json!({})).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "a complete upload cannot be cancelled");
    scene.stop().await
}

async fn keyed(caller: &Caller, key: &str, text: &str) -> Result<(bool, StatusCode, Value)> {
    let form = Form::new()
        .text("purpose", "assistants")
        .part("file", Part::bytes(text.as_bytes().to_vec()).file_name("a.txt"));
    let request = caller.request(Method::POST, "/v1/files").header("idempotency-key", key);
    let answer = request.multipart(form).send().await?;
    let replayed = answer.headers().contains_key("idempotent-replayed");
    let (status, body) = read(answer).await?;
    Ok((replayed, status, body))
}

#[tokio::test]
async fn a_retry_under_the_same_key_gets_the_same_answer() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("t", "editor").await?;
    let (_, _, first) = keyed(&caller, "k1", "hello").await?;
    let (replayed, _, second) = keyed(&caller, "k1", "hello").await?;
    ensure!(replayed && first == second, "{first} {second}");
    let (_, status, other) = keyed(&caller, "k1", "another").await?;
    ensure!(status == StatusCode::UNPROCESSABLE_ENTITY, "{other}");
    ensure!(other["error"]["code"] == "idempotency_key_reused", "{other}");
    let (_, listed) = caller.get("/v1/files").await?;
    ensure!(listed["data"].as_array().is_some_and(|files| files.len() == 1), "{listed}");
    // Another caller's key of the same name is another key.
    let colleague = scene.tenant("t", "editor").await?;
    let (replayed, _, theirs) = keyed(&colleague, "k1", "hello").await?;
    ensure!(!replayed && theirs["id"] != first["id"], "{theirs}");
    // What is deleted is not told again.
    ensure!(caller.delete(&format!("/v1/files/{}", id(&first)?)).await? == StatusCode::OK);
    let (replayed, _, anew) = keyed(&caller, "k1", "hello").await?;
    ensure!(!replayed && anew["id"] != first["id"], "{anew}");
    scene.stop().await
}

#[tokio::test]
async fn a_question_in_a_conversation_is_searched_with_what_it_means() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("places").await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let talk = id(&caller.json(Method::POST, "/v1/conversations", &json!({})).await?)?;
    let ask = async |question: &str| {
        let body = json!({"model": "cairn", "input": question, "conversation": {"id": talk},
            "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
        caller.json(Method::POST, "/v1/responses", &body).await
    };
    let first = ask("Who was the last keeper of the Orrin tower?").await?;
    ensure!(first["conversation"]["id"] == talk.as_str(), "{first}");
    let second = ask("Was it spring when she left?").await?;
    let queries = second["output"][0]["queries"].as_array().context("queries")?;
    ensure!(queries.len() == 2 && queries[1].to_string().contains("keeper"), "{second}");
    ensure!(second.to_string().contains("1989"), "{second}");

    let items = format!("/v1/conversations/{talk}/items");
    let (_, listed) = caller.get(&format!("{items}?order=asc&limit=4")).await?;
    let kinds: Vec<&str> = listed["data"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|item| item["type"].as_str())
        .collect();
    ensure!(kinds == ["message", "file_search_call", "message", "message"], "{listed}");
    ensure!(listed["has_more"] == true, "{listed}");
    let after = listed["last_id"].as_str().context("a cursor")?;
    let (_, rest) = caller.get(&format!("{items}?order=asc&after={after}")).await?;
    ensure!(rest["data"].as_array().is_some_and(|items| items.len() == 2), "{rest}");
    let before = rest["first_id"].as_str().context("a cursor")?;
    let (_, back) = caller.get(&format!("{items}?order=asc&limit=2&before={before}")).await?;
    ensure!(back["data"][1]["id"] == listed["data"][3]["id"], "{back}");
    ensure!(caller.delete(&format!("/v1/conversations/{talk}")).await? == StatusCode::OK);
    let (status, gone) = caller.get(&items).await?;
    ensure!(status == StatusCode::NOT_FOUND, "{gone}");
    scene.stop().await
}

#[tokio::test]
async fn a_background_answer_is_made_with_nobody_waiting_and_played_again() -> Result<()> {
    let scene = Scene::start().await?;
    let caller = scene.tenant("cape", "editor").await?;
    let store = caller.store("places").await?;
    caller.ingest(&store, "tower.md", TOWER.as_bytes()).await?;
    let body = json!({"model": "cairn", "input": "Who was the last keeper of the Orrin tower?",
        "background": true, "tools": [{"type": "file_search", "vector_store_ids": [store]}]});
    let begun = caller.json(Method::POST, "/v1/responses", &body).await?;
    ensure!(begun["status"] == "queued", "{begun}");
    let path = format!("/v1/responses/{}", id(&begun)?);
    let mut answer = Value::Null;
    for _ in 0..200 {
        answer = caller.get(&path).await?.1;
        if answer["status"] != "queued" && answer["status"] != "in_progress" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    ensure!(answer["status"] == "completed", "{answer}");
    ensure!(answer.to_string().contains("Ida Thorvald"), "{answer}");
    // To cancel what is complete changes nothing.
    let late = caller.json(Method::POST, &format!("{path}/cancel"), &json!({})).await?;
    ensure!(late["status"] == "completed", "{late}");

    let all = events(&caller, &format!("{path}?stream=true")).await?;
    ensure!(all.first().is_some_and(|event| event["type"] == "response.created"), "{all:?}");
    ensure!(all.last().is_some_and(|event| event["type"] == "response.completed"), "{all:?}");
    let rest = events(&caller, &format!("{path}?stream=true&starting_after=4")).await?;
    ensure!(rest == all[5..], "{rest:?}");
    let body = json!({"model": "cairn", "input": "Who?", "background": true, "store": false});
    let (status, refused) = caller.try_json(Method::POST, "/v1/responses", &body).await?;
    ensure!(status == StatusCode::BAD_REQUEST, "{refused}");
    // Without a language model a plain answer fails, and says so where it is looked for.
    let body = json!({"model": "none", "input": "Who?", "background": true});
    let begun = caller.json(Method::POST, "/v1/responses", &body).await?;
    let path = format!("/v1/responses/{}", id(&begun)?);
    for _ in 0..200 {
        answer = caller.get(&path).await?.1;
        if answer["status"] == "failed" {
            break;
        }
        tokio::time::sleep(Duration::from_millis(25)).await;
    }
    ensure!(answer["status"] == "failed" && answer["error"]["code"] == "server_error", "{answer}");
    scene.stop().await
}

async fn events(caller: &Caller, path: &str) -> Result<Vec<Value>> {
    let text = caller.request(Method::GET, path).send().await?.text().await?;
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| Ok(serde_json::from_str(data)?))
        .collect()
}
